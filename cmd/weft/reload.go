package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"time"
)

// lookEvery is how often the files of the configuration are looked at. A change
// is taken over when it was seen twice.
const lookEvery = 2 * time.Second

// reloader takes over what has changed in the configuration.
type reloader struct {
	sys     *system
	file    *configFile
	level   *slog.LevelVar
	hangups <-chan os.Signal
}

func newReloader(sys *system, file *configFile, level *slog.LevelVar, hangups <-chan os.Signal) *reloader {
	sys.metrics.reloaded(time.Now()) // the start counts as the first
	return &reloader{sys, file, level, hangups}
}

// run reloads on signals, and when it sees a change, as the configuration of
// the moment has it, until ctx ends.
func (r *reloader) run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		mode := r.sys.stage.current.Load().cfg.Reload
		select {
		case <-ctx.Done():
			return
		case <-r.hangups:
			switch {
			case mode == reloadOff:
				r.sys.log.Warn("the configuration is not reloaded: reload is off")
			case !r.file.again():
				r.refuse(errors.New("it was not read from a file, and cannot be read again"))
			default:
				r.reload()
			}
		case <-look.C:
			if mode == reloadWatch && r.file.changed() {
				r.reload()
			}
		}
	}
}

// reload reads the configuration and makes it the current one. One with
// anything wrong changes nothing.
func (r *reloader) reload() {
	old := r.sys.stage.current.Load()
	cfg, err := r.file.read(&old.cfg)
	if err != nil {
		r.refuse(err)
		return
	}
	if reflect.DeepEqual(cfg, old.cfg) {
		r.sys.metrics.reloaded(time.Now())
		r.sys.log.Info("configuration read again: nothing has changed")
		return
	}
	g, err := r.sys.generate(cfg, old)
	if err != nil {
		r.refuse(err)
		return
	}
	if err := r.sys.install(g); err != nil {
		r.sys.log.Error("the configuration is not taken over in full", "error", err)
	}
	r.level.Set(cfg.Log.level())
	r.sys.metrics.reloaded(time.Now())
	r.sys.log.Info("configuration reloaded")
}

// refuse says why the configuration stays what it was.
func (r *reloader) refuse(err error) {
	r.sys.metrics.refused()
	r.sys.log.Error("configuration refused; the earlier one stays", "problems", strings.Split(err.Error(), "\n"))
}
