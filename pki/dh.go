package pki

import (
	"encoding/asn1"
	"encoding/pem"
	"math/big"
)

// ffdhe2048 is the prime of RFC 7919, appendix A.1; its generator is 2.
const ffdhe2048 = "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9" +
	"7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935" +
	"984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB" +
	"B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61" +
	"9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA" +
	"886B423861285C97FFFFFFFFFFFFFFFF"

// DHFile holds the group of a key exchange. A QEMU whose folder has none makes one of its own each time a server's files are
// loaded, which takes it seconds, on a busy host more than ten, in which it answers nothing.
const DHFile = "dh-params.pem"

func dhParams() []byte {
	p, _ := new(big.Int).SetString(ffdhe2048, 16)
	der, _ := asn1.Marshal(struct{ P, G *big.Int }{p, big.NewInt(2)}) // two integers: it cannot fail
	return pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der})
}
