// Go's crypto/x509 as a peer of `scripts/bench validation`; bench/peers/peer.h has the protocol.
//
// A validation parses, verifies the chain with time and extended key usage, compares the policy
// (crypto/x509 reads policies and judges none), looks the serial up in a map of the CRL, which was
// verified once, and verifies the proof. The figure is CPU time of the whole process, so that it
// holds the garbage collector's work.
package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

type card struct{ certificate, message, signature []byte }

type badCard struct {
	why string
	card
}

type workload struct {
	validationTime time.Time
	issuer, crl    []byte
	cards          []card
	bad            []badCard
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "go peer: "+format+"\n", arguments...)
	os.Exit(1)
}

func readWorkload(path string) workload {
	rest, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	// A workload that is cut ends in a panic: it is a file of our own.
	field := func() []byte {
		size := binary.BigEndian.Uint32(rest)
		value := rest[4 : 4+size]
		rest = rest[4+size:]
		return value
	}
	number := func() int64 {
		value, err := strconv.ParseInt(string(field()), 10, 64)
		if err != nil {
			fail("%v", err)
		}
		return value
	}
	nextCard := func() card { return card{field(), field(), field()} }
	if string(field()) != "musubi validation workload 1" {
		fail("%s is no workload of this version", path)
	}
	work := workload{validationTime: time.Unix(number(), 0), issuer: field()}
	field() // The name of the distribution point.
	work.crl = field()
	for left := number(); left > 0; left-- {
		work.cards = append(work.cards, nextCard())
	}
	for left := number(); left > 0; left-- {
		work.bad = append(work.bad, badCard{string(field()), nextCard()})
	}
	return work
}

type validator struct {
	options x509.VerifyOptions
	policy  asn1.ObjectIdentifier
	revoked map[string]bool // By the serial's octets.
}

func newValidator(work workload) *validator {
	issuer, err := x509.ParseCertificate(work.issuer)
	if err != nil {
		fail("issuer: %v", err)
	}
	crl, err := x509.ParseRevocationList(work.crl)
	if err != nil {
		fail("CRL: %v", err)
	}
	if err := crl.CheckSignatureFrom(issuer); err != nil {
		fail("CRL: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(issuer)
	revoked := map[string]bool{}
	for _, entry := range crl.RevokedCertificates {
		revoked[string(entry.SerialNumber.Bytes())] = true
	}
	return &validator{
		options: x509.VerifyOptions{
			Roots:       roots,
			CurrentTime: work.validationTime,
			KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		},
		policy:  asn1.ObjectIdentifier{2, 999, 1, 30},
		revoked: revoked,
	}
}

func (v *validator) accepts(c card) bool {
	certificate, err := x509.ParseCertificate(c.certificate)
	if err != nil {
		return false
	}
	if _, err := certificate.Verify(v.options); err != nil {
		return false
	}
	if len(certificate.PolicyIdentifiers) != 1 || !certificate.PolicyIdentifiers[0].Equal(v.policy) {
		return false
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || v.revoked[string(certificate.SerialNumber.Bytes())] {
		return false
	}
	digest := sha256.Sum256(c.message)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], c.signature) == nil
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("%v", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// measure returns microseconds a validation, and whether all cards were accepted.
func (v *validator) measure(cards []card) (float64, bool) {
	accepted := 0
	before := cpuTime()
	for _, c := range cards {
		if v.accepts(c) {
			accepted++
		}
	}
	used := cpuTime() - before
	return float64(used.Nanoseconds()) / 1e3 / float64(len(cards)), accepted == len(cards)
}

func main() {
	if len(os.Args) != 2 {
		fail("usage: PEER WORKLOAD")
	}
	work := readWorkload(os.Args[1])
	v := newValidator(work)
	for _, bad := range work.bad {
		if v.accepts(bad.card) {
			fail("accepts the bad card %s", bad.why)
		}
	}
	if _, good := v.measure(work.cards); !good {
		fail("refuses a good card")
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if !bytes.Equal(lines.Bytes(), []byte("go")) {
			fmt.Println("error no row", lines.Text())
		} else if figure, good := v.measure(work.cards); good {
			fmt.Println(figure)
		} else {
			fmt.Println("error refuses a good card")
		}
	}
}
