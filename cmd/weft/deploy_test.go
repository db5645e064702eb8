package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

const operationsPage = "../../docs/operations.md"

// rule is a rule of rules.yml.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(read(t, "../../deploy/prometheus/rules.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("%d rules", len(all))
	}
	return all
}

// dashboard is what the tests look at of weft.json.
type dashboard struct {
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ RefID, Expr string }
	}
	Templating  struct{ List []struct{ Definition string } }
	Annotations struct{ List []struct{ Expr string } }
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "../../deploy/grafana/weft.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// exprs are the queries of the dashboard, by where they stand.
func (d dashboard) exprs() map[string]string {
	all := make(map[string]string)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[fmt.Sprintf("panel %d %q %s", p.ID, p.Title, target.RefID)] = target.Expr
		}
	}
	for i, a := range d.Annotations.List {
		all[fmt.Sprintf("annotation %d", i)] = a.Expr
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// registered are the metrics of a gateway that has all of its parts: name -> labels.
func registered(t *testing.T) map[string][]string {
	t.Helper()
	cfg := defaultConfig()
	cfg.Redis.URL = "redis://127.0.0.1:1/0"
	cfg.Audit.File = filepath.Join(t.TempDir(), "audit.log")
	s, err := build(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	descs := make(chan *prometheus.Desc)
	go func() {
		s.metrics.registry.Describe(descs)
		close(descs)
	}()
	all := make(map[string][]string)
	form := regexp.MustCompile(`fqName: "([^"]+)".* constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)
	for d := range descs {
		m := form.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s", d)
		}
		for l := range strings.SplitSeq(m[2]+","+m[3], ",") {
			name, _, _ := strings.Cut(l, "=")
			all[m[1]] = append(all[m[1]], name)
		}
	}
	if len(all["weft_breaker_state"]) == 0 || len(all["weft_redis_pool_hits_total"]) == 0 || len(all["weft_audit_lines_total"]) == 0 {
		t.Fatalf("registered: %v", all)
	}
	return all
}

// misnamed returns what a text calls a metric or a label of one, and is none.
func misnamed(known map[string][]string, text string) (wrong []string) {
	label := regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
	for _, m := range regexp.MustCompile(`(weft_\w+)(\{[^}]*\})?`).FindAllStringSubmatch(text, -1) {
		name := m[1]
		if known[name] == nil {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		}
		labels, ok := known[name]
		if !ok {
			wrong = append(wrong, m[1])
			continue
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(append(labels, "job", "instance", "le"), l[1]) {
				wrong = append(wrong, m[1]+"{"+l[1]+"}")
			}
		}
	}
	return wrong
}

// Each metric that a rule, the dashboard or the page of operations names is
// there, and each that is there is on that page.
func TestMetricsAreNamedRightly(t *testing.T) {
	known := registered(t)
	texts := readDashboard(t).exprs()
	for _, r := range rules(t) {
		texts["rule "+r.Alert+r.Record] = r.Expr
	}
	for i, v := range readDashboard(t).Templating.List {
		texts[fmt.Sprintf("variable %d", i)] = v.Definition
	}
	page := read(t, operationsPage)
	texts[operationsPage] = strings.ReplaceAll(page, "`weft_`", "")
	texts[operationsPage] = regexp.MustCompile(`weft_demo_\w+|weft_\w+\*`).ReplaceAllString(texts[operationsPage], "")
	for where, text := range texts {
		if wrong := misnamed(known, text); len(wrong) > 0 {
			t.Errorf("%s: unknown %v", where, wrong)
		}
	}
	for name := range known {
		if strings.HasPrefix(name, "weft_") && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s is not on the page of operations", name)
		}
	}
}

func TestMisnamed(t *testing.T) {
	known := map[string][]string{"weft_a_seconds": {"op"}, "weft_b_count": {"state"}}
	got := misnamed(known, `weft_a_seconds_bucket{op="x",le="1"} / weft_b_count{kind=~"y"} + weft_c + rate(weft_b{state="1"}[5m]) + weft:a:ratio`)
	if want := []string{"weft_b_count{kind}", "weft_c", "weft_b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Each alert says where it is explained, is explained there, and is tested both
// firing and silent.
func TestAlertsAreExplained(t *testing.T) {
	const base = "https://github.com/weft-gateway/weft/blob/main/docs/operations.md#"
	page, tests := read(t, operationsPage), read(t, "../../deploy/prometheus/rules_test.yml")
	alerts := make(map[string]bool)
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alerts[r.Alert] = true
		if got, want := r.Annotations["runbook_url"], base+strings.ToLower(r.Alert); got != want {
			t.Errorf("%s: runbook_url %q, want %q", r.Alert, got, want)
		}
		if !strings.Contains(page, "\n### "+r.Alert+"\n") {
			t.Errorf("%s has no heading on the page of operations", r.Alert)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) || r.Annotations["summary"] == "" {
			t.Errorf("%s: labels %v, annotations %v", r.Alert, r.Labels, r.Annotations)
		}
		for _, outcome := range []string{`\[\]`, `\n          - exp_labels`} {
			if !regexp.MustCompile(`alertname: ` + r.Alert + `\n +eval_time: \w+\n +exp_alerts: ?` + outcome).MatchString(tests) {
				t.Errorf("%s has no test with exp_alerts %q", r.Alert, outcome)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Weft\w+)$`).FindAllStringSubmatch(page, -1) {
		if !alerts[m[1]] {
			t.Errorf("%s is explained, but there is no such alert", m[1])
		}
	}
}

// promtool runs the tool of Prometheus, and fails the test if it finds anything.
func promtool(t *testing.T, in io.Reader, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s, which make test installs: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRules(t *testing.T) {
	promtool(t, nil, "check", "rules", "../../deploy/prometheus/rules.yml")
	promtool(t, nil, "test", "rules", "../../deploy/prometheus/rules_test.yml")
}

// The dashboard's queries can be parsed, its panels tell themselves apart, and
// none lies on another.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	type record struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var records []record
	for _, expr := range d.exprs() {
		expr = strings.ReplaceAll(expr, "$__rate_interval", "5m")
		records = append(records, record{fmt.Sprintf("dashboard:%d", len(records)), expr})
	}
	file, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": records}}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, nil, "check", "rules", name)

	ids, taken, panels := make(map[int]bool), make(map[[2]int]string), 0
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("panel %d %q: its id is taken, or something is missing", p.ID, p.Title)
		}
		ids[p.ID] = true
		panels += min(len(p.Targets), 1)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" || at[0] >= 24 {
					t.Fatalf("%q lies on %q, or beyond the edge", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
	}
	if panels < 12 {
		t.Errorf("%d panels", panels)
	}
}

// What is scraped is as Prometheus wants it, and histograms have both forms.
func TestScrape(t *testing.T) {
	r := startRedis(t)
	in := install(t, options{redis: r.url})
	in.document(t, keyAcme, sandbox.ExampleByContactID)
	resp, err := http.Get(in.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	promtool(t, resp.Body, "check", "metrics")
	if got := in.metric(t, `weft_cache_operation_duration_seconds_count{op="read",tier="redis"}`); got < 1 {
		t.Errorf("%v timed reads of Redis", got)
	}
	if got := in.metric(t, `weft_cache_requests_total{kind="contact",result="miss",tier="redis"}`); got != 1 {
		t.Errorf("%v contacts that Redis did not have, want 1", got)
	}
}

func TestHistogramsHaveBothForms(t *testing.T) {
	m := newMetrics()
	m.http("/", http.MethodGet, http.StatusOK, 0)
	newRedisTimer(m.visits)
	m.registry.MustRegister(m.visits)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	both := make(map[string]bool)
	for _, f := range families {
		if h := f.GetMetric()[0].GetHistogram(); strings.HasPrefix(f.GetName(), "weft_") && h != nil {
			both[f.GetName()] = len(h.GetBucket()) > 10 && h.Schema != nil
		}
	}
	for _, name := range []string{"weft_http_request_duration_seconds", "weft_cache_operation_duration_seconds"} {
		if !both[name] {
			t.Errorf("%s has not both forms: %v", name, both)
		}
	}
}
