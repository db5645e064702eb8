package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

var errTooLarge = errors.New("larger than 256 KiB")

// fetching returns a function that gets a URL. Its errors do not show the URL,
// whose query may hold what is nobody's business.
func fetching(transport http.RoundTripper, target string) func(context.Context) ([]byte, error) {
	client := &http.Client{Transport: transport, CheckRedirect: sameHost}
	return func(ctx context.Context) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
		if err != nil {
			return nil, errors.New("the URL is not valid")
		}
		req.Header.Set("Accept", "application/jwk-set+json, application/json")
		req.Header.Set("User-Agent", "weft")
		resp, err := client.Do(req)
		if err != nil {
			return nil, withoutURL(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("status %d", resp.StatusCode)
		}
		return readAll(resp.Body)
	}
}

// sameHost follows few redirects, and none that leads away from where the
// operator said that the keys are.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > 3 || req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return errors.New("a redirect that is not followed")
	}
	return nil
}

func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// reading returns a function that reads a file.
func reading(path string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readAll(f)
	}
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeySet+1))
	if err == nil && len(data) > maxKeySet {
		err = errTooLarge
	}
	return data, err
}
