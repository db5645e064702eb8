package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// fieldError is one complaint of Laravel's validator.
type fieldError struct{ field, text string }

type fieldErrors []fieldError

// body is the framework's own form of a 422.
func (e fieldErrors) body() any {
	message, errs := e[0].text, map[string][]string{}
	switch len(e) {
	case 1:
	case 2:
		message += " (and 1 more error)"
	default:
		message += fmt.Sprintf(" (and %d more errors)", len(e)-1)
	}
	for _, one := range e {
		errs[one.field] = append(errs[one.field], one.text)
	}
	return map[string]any{"message": message, "errors": errs}
}

// checkList validates the query of the list and finds its page size.
func checkList(q url.Values) (size int, errs fieldErrors) {
	if t := q.Get("type"); t != "" && !slices.Contains([]string{"test", "widget", "whatsapp", "api"}, t) {
		errs = append(errs, fieldError{"type", "The selected type is invalid."})
	}
	if id := q.Get("assistant_id"); id != "" {
		if _, err := strconv.Atoi(id); err != nil {
			errs = append(errs, fieldError{"assistant_id", "The assistant id field must be an integer."})
		}
	}
	size, complaint := pageSize(q.Get("per_page"), 15)
	if complaint != "" {
		errs = append(errs, fieldError{"per_page", complaint})
	}
	return size, errs
}

func pageSize(s string, otherwise int) (size int, complaint string) {
	if s == "" {
		return otherwise, ""
	}
	size, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return 0, "The per page field must be an integer."
	case size < 1:
		return 0, "The per page field must be at least 1."
	case size > 100:
		return 0, "The per page field must not be greater than 100."
	}
	return size, ""
}

// path is the absolute address of a list, without a query.
func path(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?") // with the prefix under which we are mounted
	return "http://" + r.Host + path
}

// numbered is the framework's page-numbered envelope.
func numbered[A, B any](r *http.Request, all []A, size int, f func(A) B) any {
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	last := max(1, (len(all)+size-1)/size)
	first := min((page-1)*size, len(all))
	rows := all[first:min(first+size, len(all))]
	link := func(p int) *string {
		if p < 1 || p > last {
			return nil
		}
		return ptr(path(r) + "?page=" + strconv.Itoa(p))
	}
	var from, to *int
	if len(rows) > 0 {
		from, to = ptr(first+1), ptr(first+len(rows))
	}
	return map[string]any{
		"data": each(rows, f), "path": path(r), "per_page": size,
		"current_page": page, "last_page": last, "total": len(all), "from": from, "to": to,
		"first_page_url": link(1), "last_page_url": link(last),
		"next_page_url": link(page + 1), "prev_page_url": link(page - 1),
		"links": links(page, last, link),
	}
}

func links(page, last int, link func(int) *string) []map[string]any {
	out := []map[string]any{{"url": link(page - 1), "label": "&laquo; Previous", "active": false}}
	for p := 1; p <= last; p++ {
		out = append(out, map[string]any{"url": link(p), "label": strconv.Itoa(p), "active": p == page})
	}
	return append(out, map[string]any{"url": link(page + 1), "label": "Next &raquo;", "active": false})
}

// autocallsAssistant is a row of the assistants: the one place that tells
// which number belongs to which uuid.
type autocallsAssistant struct {
	ID        int    `json:"id"`
	UUID      string `json:"uuid"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func (a autocallsAPI) assistants(c call) answer {
	size, complaint := pageSize(c.URL.Query().Get("per_page"), 10)
	if complaint != "" {
		return answer{http.StatusUnprocessableEntity, fieldErrors{{"per_page", complaint}}.body()}
	}
	return ok(numbered(c.Request, assistantsOf(c.tenant), size, func(as assistant) autocallsAssistant {
		return autocallsAssistant{
			ID: as.num, UUID: as.id, Name: as.name, Status: "active",
			CreatedAt: "2025-01-10T09:00:00.000000Z", UpdatedAt: "2025-01-20T16:30:00.000000Z",
		}
	}))
}
