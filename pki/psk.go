package pki

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// User is who a client of QEMU says it is unless it is told otherwise.
const User = "qemu"

const keyBytes = 32

// NewPSK is a line of keys.psk: a key that both ends hold, in GnuTLS's format.
func NewPSK(user string) ([]byte, error) {
	if user == "" || strings.ContainsAny(user, ":\r\n\x00 \t#") {
		return nil, fmt.Errorf("%q is no user of a shared key: it needs a name without colons and spaces", user)
	}
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", user, err)
	}
	return []byte(user + ":" + hex.EncodeToString(key) + "\n"), nil
}

// PSKUsers are the users of a keys.psk, never their keys. A line that is not USER:HEX is an error that does not quote it.
func PSKUsers(text []byte) ([]string, error) {
	var users []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, key, ok := strings.Cut(line, ":")
		if _, err := hex.DecodeString(key); !ok || user == "" || key == "" || err != nil {
			return users, fmt.Errorf("line %d is not USER:KEY with a key in hexadecimal", n)
		}
		users = append(users, user)
	}
	return users, lines.Err()
}
