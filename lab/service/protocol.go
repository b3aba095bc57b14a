package service

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// protocol is how a program is asked. Answers come in the order of the requests.
type protocol struct {
	port   int
	set    func(out []byte, key int, value []byte) []byte // appends a request to out
	get    func(out []byte, key int) []byte               // likewise
	stored func(in *bufio.Reader) error                   // reads the answer to set
	value  func(in *bufio.Reader) ([]byte, error)         // reads the answer to get; nil: there is none
}

func protocols() map[string]protocol {
	return map[string]protocol{
		"redis":     {6379, setRedis, getRedis, storedRedis, valueRedis},
		"memcached": {11211, setMemcached, getMemcached, storedMemcached, valueMemcached},
	}
}

// refusal is an answer that says no. The connection is good for more.
type refusal string

func (r refusal) Error() string { return "refused: " + string(r) }

// longest is the longest line, and the longest value, that is taken for an answer.
const longest = 1 << 16

func newAnswers(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, longest) }

func setRedis(out []byte, key int, value []byte) []byte {
	name := name(key)
	out = fmt.Appendf(out, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n", len(name), name, len(value))
	return append(append(out, value...), "\r\n"...)
}

func getRedis(out []byte, key int) []byte {
	name := name(key)
	return fmt.Appendf(out, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(name), name)
}

func storedRedis(in *bufio.Reader) error {
	line, err := lineRedis(in)
	if err == nil && string(line) != "+OK" {
		err = fmt.Errorf("redis: %.40q in answer to SET", line)
	}
	return err
}

func valueRedis(in *bufio.Reader) ([]byte, error) {
	line, err := lineRedis(in)
	if err != nil {
		return nil, err
	}
	size, ok := bytes.CutPrefix(line, []byte("$"))
	if string(size) == "-1" {
		return nil, nil
	}
	if !ok {
		return nil, fmt.Errorf("redis: %.40q in answer to GET", line)
	}
	return block(in, size)
}

func lineRedis(in *bufio.Reader) ([]byte, error) {
	line, err := line(in)
	if err == nil && bytes.HasPrefix(line, []byte("-")) {
		return nil, refusal(line[1:])
	}
	return line, err
}

func setMemcached(out []byte, key int, value []byte) []byte {
	out = fmt.Appendf(out, "set %s 0 0 %d\r\n", name(key), len(value))
	return append(append(out, value...), "\r\n"...)
}

func getMemcached(out []byte, key int) []byte { return fmt.Appendf(out, "get %s\r\n", name(key)) }

func storedMemcached(in *bufio.Reader) error {
	line, err := lineMemcached(in)
	if err == nil && string(line) != "STORED" {
		err = fmt.Errorf("memcached: %.40q in answer to set", line)
	}
	return err
}

func valueMemcached(in *bufio.Reader) ([]byte, error) {
	line, err := lineMemcached(in)
	if err != nil || string(line) == "END" {
		return nil, err
	}
	fields := bytes.Fields(line)
	if len(fields) != 4 || string(fields[0]) != "VALUE" {
		return nil, fmt.Errorf("memcached: %.40q in answer to get", line)
	}
	value, err := block(in, fields[3])
	if err != nil {
		return nil, err
	}
	if line, err = lineMemcached(in); err == nil && string(line) != "END" {
		err = fmt.Errorf("memcached: %.40q after a value", line)
	}
	return value, err
}

func lineMemcached(in *bufio.Reader) ([]byte, error) {
	line, err := line(in)
	if err == nil && (string(line) == "ERROR" || bytes.Contains(line, []byte("_ERROR "))) {
		return nil, refusal(line)
	}
	return line, err
}

// line is the next line, without its end; it is good until the next read.
func line(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// block reads a value of a stated size, and the end of its line.
func block(in *bufio.Reader, size []byte) ([]byte, error) {
	n, err := strconv.ParseUint(string(size), 10, 32)
	if err != nil || n > longest {
		return nil, fmt.Errorf("a value of %.20q bytes", size)
	}
	value := make([]byte, n+2)
	if _, err := io.ReadFull(in, value); err != nil {
		return nil, err
	}
	value, ok := bytes.CutSuffix(value, []byte("\r\n"))
	if !ok {
		return nil, fmt.Errorf("a value is longer than the %d bytes it states", n)
	}
	return value, nil
}

func name(key int) []byte { return fmt.Appendf(nil, "walm:%d", key) }
