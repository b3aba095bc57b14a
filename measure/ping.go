package measure

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// PingEvery is the interval of the pings with which the seed studies measured downtime.
const PingEvery = 50 * time.Millisecond

// StartPing begins to send ICMP echo requests, one each PingEvery, until Stop. conn is a raw socket ("ip4:icmp" or
// "ip6:ipv6-icmp" of net.ListenPacket) or a ping socket; to is the address in the form that it takes.
func StartPing(conn Conn, to net.Addr) (*Prober, error) {
	p, err := start(conn, to, PingEvery, echoRequest{v6: isV6(to), run: rand.Uint64()})
	if err != nil {
		return nil, fmt.Errorf("start to ping %v: %w", to, err)
	}
	return p, nil
}

// Ping pings until ctx ends, and waits a moment for stragglers.
func Ping(ctx context.Context, conn Conn, to net.Addr) ([]Echo, error) {
	p, err := StartPing(conn, to)
	if err != nil {
		return nil, err
	}
	return p.until(ctx)
}

func isV6(a net.Addr) bool {
	switch a := a.(type) {
	case *net.IPAddr:
		return a.IP.To4() == nil
	case *net.UDPAddr:
		return a.IP.To4() == nil
	}
	return false
}

// echoRequest is an ICMP echo request. Its payload is what tells it apart: run and sequence number, because a ping
// socket sets the identifier itself and ICMP's own sequence number wraps within the hour.
type echoRequest struct {
	v6  bool
	run uint64
}

// Header of 4 bytes, identifier and sequence number of 2 each; the payload fills what is left of size.
const (
	echoHeader  = 8
	echoPayload = size - echoHeader
)

func (e echoRequest) encode(packet []byte, seq uint32) {
	clear(packet)
	packet[0] = 8
	if e.v6 {
		packet[0] = 128 // the kernel fills in its checksum
	}
	binary.BigEndian.PutUint16(packet[4:], uint16(e.run>>32))
	binary.BigEndian.PutUint16(packet[6:], uint16(seq))
	binary.BigEndian.PutUint32(packet[8:], uint32(e.run))
	binary.BigEndian.PutUint32(packet[12:], seq)
	if !e.v6 {
		binary.BigEndian.PutUint16(packet[2:], checksum(packet))
	}
}

func (e echoRequest) decode(packet []byte) (uint32, bool) {
	if len(packet) > 20 && packet[0]>>4 == 4 { // a raw IPv4 socket gives the IP header too
		packet = packet[min(len(packet), int(packet[0]&15)*4):]
	}
	reply := byte(0)
	if e.v6 {
		reply = 129
	}
	if len(packet) != echoHeader+echoPayload || packet[0] != reply || packet[1] != 0 ||
		binary.BigEndian.Uint32(packet[8:]) != uint32(e.run) {
		return 0, false
	}
	return binary.BigEndian.Uint32(packet[12:]), true
}

// checksum is the Internet's (RFC 1071) of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
