//go:build unix

package client

import "syscall"

// direct: idle connections can be asked how they are.
const direct = true

// sendIfQuiet is called with the descriptor of a connection, from which it does
// not wait to read, and again when there is something to read.
func (c *conn) sendIfQuiet(fd uintptr) bool {
	if c.quiet {
		return true
	}
	_, err := syscall.Read(int(fd), c.spare[:])
	c.quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK //nolint:errorlint // of the system call itself
	if !c.quiet {
		return true
	}
	c.sent, c.sendErr = c.Write(c.request)
	return c.sendErr != nil
}
