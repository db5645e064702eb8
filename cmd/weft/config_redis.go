package main

import (
	"errors"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisURL is where Redis is; "" is none.
func redisURL(dst *string) scalar {
	return func(s string) error {
		if s != "" {
			if err := checkRedisURL(s); err != nil {
				return err
			}
		}
		*dst = s
		return nil
	}
}

// checkRedisURL parses an address in its form: one server, or, behind a +,
// sentinels or a cluster.
func checkRedisURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("want a URL such as redis://127.0.0.1:6379/0")
	}
	if u.Scheme != "unix" && (u.Hostname() == "" || !validPort(u)) {
		return errors.New("want a URL with a host and, if any, a port from 1 to 65535")
	}
	scheme, mode, _ := strings.Cut(u.Scheme, "+")
	u.Scheme = scheme
	switch mode {
	case "":
		_, err = redis.ParseURL(u.String())
	case "sentinel":
		_, err = redis.ParseFailoverURL(u.String())
		if err == nil && !u.Query().Has("master_name") {
			return errors.New("has sentinels but no master_name")
		}
	case "cluster":
		_, err = redis.ParseClusterURL(u.String())
	default:
		err = errors.ErrUnsupported
	}
	if err != nil { // not shown: it may repeat a parameter
		return errors.New("want redis://, rediss://, unix://, or redis or rediss with +sentinel or +cluster, and no unknown parameter")
	}
	return nil
}

// maskRedisURL hides the password of an address, the query parameters that
// hold one, and a user who stands alone, which is a password in the wrong place.
func maskRedisURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return mask // was never accepted
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Set(name, mask)
		}
	}
	u.RawQuery = query.Encode()
	if u.User != nil {
		user := u.User.Username()
		if _, ok := u.User.Password(); !ok {
			user = mask
		}
		u.User = url.UserPassword(user, mask)
	}
	return u.String()
}
