package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/gorilla/mux"
	"github.com/redis/go-redis/v9"
)

// route is where baselines and gateway have a document.
const route = "/api/conversations/{id}"

// serveBytes is baseline a: net/http and gorilla/mux, which write the same bytes
// to everybody.
func serveBytes(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weftbench serve-a", flag.ContinueOnError)
	file := flags.String("body", "", "`file` to answer with")
	if help, err := parse(flags, args, stdout); help || err != nil {
		return err
	}
	body, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("-body: %w", err)
	}
	return serve(ctx, stdout, bytesHandler(body))
}

func bytesHandler(body []byte) http.Handler {
	r := mux.NewRouter()
	r.HandleFunc(route, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, body) }).Methods(http.MethodGet)
	return r
}

// serveRedis is baseline b: the whole document is one value in Redis.
func serveRedis(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weftbench serve-b", flag.ContinueOnError)
	address := flags.String("redis", "", "`address` of a Redis that has a value for each id")
	if help, err := parse(flags, args, stdout); help || err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: *address})
	defer client.Close()
	return serve(ctx, stdout, redisHandler(client))
}

func redisHandler(client *redis.Client) http.Handler {
	r := mux.NewRouter()
	r.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		body, err := client.Get(r.Context(), mux.Vars(r)["id"]).Bytes()
		switch {
		case errors.Is(err, redis.Nil):
			http.Error(w, "not found", http.StatusNotFound)
		case err != nil:
			http.Error(w, "redis", http.StatusServiceUnavailable)
		default:
			writeJSON(w, body)
		}
	}).Methods(http.MethodGet)
	return r
}
