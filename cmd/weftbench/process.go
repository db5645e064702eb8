package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// startFor bounds how long a program may take until it is of use.
const startFor = 60 * time.Second

// process is a program that runs beside this one.
type process struct {
	name        string
	cmd         *exec.Cmd
	public, ops string // roots of its listeners; "" where it has none
	log         string // file with what it says
	client      *http.Client
}

// launch starts a program, and waits for a line of its standard output that
// matches and has the roots of its listeners. What goes to standard error goes
// to a file: reading it here would take part of the machine.
func launch(ctx context.Context, dir, name, pattern string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: name, client: newClient(), log: filepath.Join(dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer log.Close()                      // the program has its own
	p.cmd = exec.Command(program, args...) //nolint:gosec // programs of ours; they end by close, not with a context
	p.cmd.Env, p.cmd.Stderr, p.cmd.SysProcAttr = append(os.Environ(), env...), log, orphaned()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	said := make(chan []string, 1)
	go func() { said <- scan(out, regexp.MustCompile(pattern)) }()
	ctx, cancel := context.WithTimeout(ctx, startFor)
	defer cancel()
	select {
	case groups := <-said:
		if groups == nil {
			p.close()
			text, _ := os.ReadFile(p.log)
			return nil, fmt.Errorf("%s ended: %s", name, text)
		}
		if len(groups) > 2 {
			p.public, p.ops = groups[1], groups[2]
		}
		return p, nil
	case <-ctx.Done():
		p.close()
		return nil, fmt.Errorf("%s: %w", name, ctx.Err())
	}
}

// scan reads until a line matches, and returns its groups; nil when none did.
func scan(out io.Reader, pattern *regexp.Regexp) []string {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
			go io.Copy(io.Discard, out) //nolint:errcheck // until it ends
			return m
		}
	}
	return nil
}

func (p *process) close() {
	p.client.CloseIdleConnections()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// ticks is how many parts of a second the kernel counts CPU time in; it is
// 100 for programs on every machine that Go runs on.
const ticks = 100

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("%s: cpu: %w", p.name, err)
	}
	return parseStat(string(text))
}

// parseStat reads user and system time. The second field is a name in brackets,
// which may hold anything.
func parseStat(text string) (time.Duration, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("stat has too few fields")
	}
	var sum int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("stat: %w", err)
		}
		sum += n
	}
	return time.Duration(sum) * (time.Second / ticks), nil
}

// memory is what the process has in memory now, and had at most, in bytes.
func (p *process) memory() (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("%s: memory: %w", p.name, err)
	}
	return kibibytes(string(text), "VmRSS"), kibibytes(string(text), "VmHWM"), nil
}

// kibibytes reads a line such as "VmRSS:  123 kB", in bytes.
func kibibytes(text, name string) int64 {
	_, rest, _ := strings.Cut(text, "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	return n << 10
}
