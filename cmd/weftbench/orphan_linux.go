package main

import "syscall"

// orphaned has the kernel end a process when this one has ended, in whatever way.
func orphaned() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
