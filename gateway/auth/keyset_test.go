package auth

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// jwk is a key as it is published, but for what edit changes.
func jwk(signer string, edit func(*jose.JSONWebKey)) string {
	k := jose.JSONWebKey{Key: signers()[signer].Public(), KeyID: "k"}
	if edit != nil {
		edit(&k)
	}
	return string(must(json.Marshal(k)))
}

func TestParseKeys(t *testing.T) {
	private := jwk("ec", func(k *jose.JSONWebKey) { k.Key = signers()["ec"] })
	symmetric := jwk("ec", func(k *jose.JSONWebKey) { k.Key = []byte(strings.Repeat("k", 32)) })
	other := jwk("ed", func(k *jose.JSONWebKey) { k.KeyID = "other" })
	for _, tt := range []struct {
		name string
		keys []string
		want []string // kid and algorithm; none: an error
	}{
		{"RSA", []string{jwk("rsa", nil)}, []string{"k RS256"}},
		{"P-256", []string{jwk("ec", nil)}, []string{"k ES256"}},
		{"Ed25519", []string{jwk("ed", nil)}, []string{"k EdDSA"}},
		{"one name for keys of two kinds", []string{jwk("rsa", nil), jwk("ec", nil)}, []string{"k ES256", "k RS256"}},
		{"for signing", []string{jwk("ec", func(k *jose.JSONWebKey) { k.Use, k.Algorithm = "sig", "ES256" })}, []string{"k ES256"}},
		{"for encryption", []string{jwk("ec", func(k *jose.JSONWebKey) { k.Use = "enc" })}, nil},
		{"of another algorithm", []string{jwk("rsa", func(k *jose.JSONWebKey) { k.Algorithm = "PS256" })}, nil},
		{"without a name", []string{jwk("ec", func(k *jose.JSONWebKey) { k.KeyID = "" })}, nil},
		{"with a long name", []string{jwk("ec", func(k *jose.JSONWebKey) { k.KeyID = strings.Repeat("k", maxKeyID+1) })}, nil},
		{"RSA too short", []string{jwk("rsa-short", nil)}, nil},
		{"another curve", []string{jwk("ec-384", nil)}, nil},
		{"private", []string{private}, nil},
		{"symmetric", []string{symmetric}, nil},
		{"of an unknown kind", []string{`{"kty":"AKP","kid":"k","alg":"ML-DSA-44"}`, other}, []string{"other EdDSA"}},
		{"broken", []string{`{"kty":"EC","kid":"k","crv":"P-256","x":"AA","y":"AA"}`, "7", "null", other}, []string{"other EdDSA"}},
		{"two of one name", []string{jwk("ec", nil), jwk("ec-other", nil), other}, []string{"other EdDSA"}},
		{"one of three times", []string{jwk("ec", nil), jwk("ec-other", nil), jwk("ec", nil), other}, []string{"other EdDSA"}},
		{"the same twice", []string{jwk("ec", nil), jwk("ec", nil)}, []string{"k ES256"}},
		{"none", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := parseKeys([]byte(`{"keys":[`+strings.Join(tt.keys, ",")+`],"more":1}`), algorithms())
			if (err != nil) != (tt.want == nil) {
				t.Errorf("error %v", err)
			}
			var got []string
			for name := range maps.Keys(keys) {
				got = append(got, name.kid+" "+name.alg)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseKeysOfAllowedAlgorithms(t *testing.T) {
	keys, err := parseKeys([]byte(published("rsa", "ec", "ed")), []string{"EdDSA"})
	if err != nil || len(keys) != 1 || keys[keyName{"ed", "EdDSA"}] == nil {
		t.Errorf("keys %v, %v, want the one for EdDSA", keys, err)
	}
}

// Whatever an issuer publishes, reading it and verifying with it ends well, and
// nothing but a public key comes of it.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(published("rsa", "ec", "ed")))
	for _, s := range []string{"", "null", "[]", `{"keys":null}`, `{"KEYS":[]}`, `{"keys":[{"kty":"RSA","kid":"k","n":"AA","e":"AQAB"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data, algorithms())
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for name, key := range keys {
			if name.kid == "" || !slices.Contains(algorithms(), name.alg) {
				t.Errorf("a key of the name %q", name)
			}
			token := mint(goodHeader(name.alg, "k").String(), "{}", []byte("no signature"))
			jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(name.alg)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jws.Verify(key); err == nil {
				t.Errorf("%q verifies rubbish", name)
			}
		}
	})
}
