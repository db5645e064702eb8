//go:build !linux

package main

import "syscall"

// orphaned is nothing special where the kernel does not look after orphans.
func orphaned() *syscall.SysProcAttr { return nil }
