package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startFor bounds how long a program may take until it is of use. The machine
// may have others to see to.
const startFor = 60 * time.Second

// process is a program that runs beside this one.
type process struct {
	name string
	cmd  *exec.Cmd
	said *output
	done chan struct{} // closed when it has ended
	code int           // its exit code, -1 for a signal's; to be read after done
}

// launch starts a program, and waits for a line that matches, whose groups it
// returns. env is added to the environment.
func launch(ctx context.Context, name, pattern string, env []string, program string, args ...string) (*process, []string, error) {
	p := &process{name: name, said: newOutput(), done: make(chan struct{})}
	p.cmd = exec.Command(program, args...) //nolint:gosec // programs of ours; they end by close, not with a context
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.SysProcAttr = orphaned()
	if err := p.cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the code says the same
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.done)
	}()
	groups, err := p.await(ctx, regexp.MustCompile(pattern))
	if err != nil {
		p.close()
		return nil, nil, fmt.Errorf("%s: %w\n%s", name, err, p.said.text())
	}
	return p, groups, nil
}

// await waits until what the process said matches.
func (p *process) await(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, startFor)
	defer cancel()
	for {
		more := p.said.more()
		if groups := pattern.FindStringSubmatch(p.said.text()); groups != nil {
			return groups, nil
		}
		select {
		case <-more:
		case <-p.done:
			if groups := pattern.FindStringSubmatch(p.said.text()); groups != nil {
				return groups, nil
			}
			return nil, fmt.Errorf("ended with code %d", p.code)
		case <-ctx.Done():
			return nil, fmt.Errorf("said nothing like %q: %w", pattern, ctx.Err())
		}
	}
}

// signal sends a signal. A process that has ended takes none.
func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// ended waits until the process has ended, and returns its exit code.
func (p *process) ended(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.code, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s goes on: %w", p.name, ctx.Err())
	}
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// close kills the process, stopped or not, and waits for its end.
func (p *process) close() {
	_ = p.cmd.Process.Kill() // also what SIGSTOP holds
	<-p.done
}

// descriptors counts the files and connections that the process has open; -1
// where the system does not tell.
func (p *process) descriptors() int {
	list, err := os.ReadDir("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/fd")
	if err != nil {
		return -1
	}
	return len(list)
}

// resident is the memory that the process has, in bytes; -1 where the system
// does not tell.
func (p *process) resident() int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return -1
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return -1
	}
	return pages * int64(os.Getpagesize())
}

// keptOutput bounds what is kept of a process's output, in bytes.
const keptOutput = 256 << 10

// output keeps the end of what a process said, and counts what matters.
type output struct {
	mu      sync.Mutex
	kept    []byte        // guarded by mu
	line    []byte        // the last, unfinished line; guarded by mu
	changed chan struct{} // closed and replaced when there is more; guarded by mu
	loud    int           // lines at warn and error; guarded by mu
	trouble []string      // lines that no program of ours may ever say; guarded by mu
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

// Write implements [io.Writer].
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, b...)
	if len(o.kept) > 2*keptOutput {
		o.kept = slices.Clone(o.kept[len(o.kept)-keptOutput:])
	}
	o.line = append(o.line, b...)
	for {
		line, rest, whole := bytes.Cut(o.line, []byte("\n"))
		if !whole {
			break
		}
		o.note(string(line))
		o.line = slices.Clone(rest)
	}
	close(o.changed)
	o.changed = make(chan struct{})
	return len(b), nil
}

// note counts a line. The caller holds mu.
func (o *output) note(line string) {
	if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
		o.loud++
	}
	for _, sign := range []string{"panic:", "fatal error:", "DATA RACE", `"panic"`} {
		if strings.Contains(line, sign) {
			o.trouble = append(o.trouble, line)
			return
		}
	}
}

func (o *output) more() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.kept)
}

// warnings is how many lines were logged at warn and above.
func (o *output) warnings() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.loud
}

func (o *output) troubles() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.trouble)
}
