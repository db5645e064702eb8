package ops

import (
	"net/http"
	"strconv"
)

// fault is a kind of refusal, by its code.
type fault string

const (
	notFound         fault = "not_found" // of the path
	breakerNotFound  fault = "breaker_not_found"
	tenantNotFound   fault = "tenant_not_found"
	upstreamNotFound fault = "upstream_not_found"
	orderNotFound    fault = "order_not_found"
	methodNotAllowed fault = "method_not_allowed"
	unauthorized     fault = "unauthorized"
	foreignOrigin    fault = "foreign_origin"
	unknownHost      fault = "unknown_host"
	notJSON          fault = "not_json"
	invalidBody      fault = "invalid_body"
	tooManyStreams   fault = "too_many_streams"
	cacheUnavailable fault = "cache_unavailable"
)

// comeBack is when it makes sense to try again, in seconds.
const comeBack = 5

// row is the fault's status and its fixed text.
func (f fault) row() (status int, text string) {
	switch f {
	case notFound:
		return http.StatusNotFound, "There is nothing here"
	case breakerNotFound:
		return http.StatusNotFound, "There is no such breaker"
	case tenantNotFound:
		return http.StatusNotFound, "There is no such tenant"
	case upstreamNotFound:
		return http.StatusNotFound, "There is no such upstream"
	case orderNotFound:
		return http.StatusNotFound, "There is no such order"
	case methodNotAllowed:
		return http.StatusMethodNotAllowed, "The method is not allowed here"
	case unauthorized:
		return http.StatusUnauthorized, "A key of the ops listener is required"
	case foreignOrigin:
		return http.StatusForbidden, "A page of another origin cannot do this"
	case unknownHost:
		return http.StatusMisdirectedRequest, "The ops listener is not known by this host; ops.hosts can name it"
	case notJSON:
		return http.StatusUnsupportedMediaType, "The body has to be application/json"
	case invalidBody:
		return http.StatusBadRequest, "The body is not what it should be"
	case tooManyStreams:
		return http.StatusServiceUnavailable, "Too many are watching"
	case cacheUnavailable:
		return http.StatusServiceUnavailable, "Redis could not be told of all; ask again"
	}
	return http.StatusInternalServerError, "Something went wrong in the gateway"
}

// refuse answers an error in the same form as the public listener.
func refuse(w http.ResponseWriter, f fault) { refuseField(w, f, "") }

// refuseField names the field of the body that is wrong; "": the body as a whole.
func refuseField(w http.ResponseWriter, f fault, field string) {
	status, text := f.row()
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(comeBack))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	send(w, status, struct {
		Error string `json:"error"`
		Code  fault  `json:"code"`
		Field string `json:"field,omitempty"`
	}{text, f, field})
}
