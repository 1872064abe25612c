package key

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"

	"filippo.io/edwards25519"
)

// Keys that have the right form and yet no strength: whoever sees one can sign with it. Such keys come from broken
// generators and from people who put them before a verifier on purpose (rfc8725bis sections 3.4 and 3.5).

// closeRounds bounds the search for factors near the square root. A good generator's are 2^(bits/2-100) apart or more
// (FIPS 186-5 appendix A.1.3), which no number of rounds finds; broken ones are found in the first few.
const closeRounds = 16

// smallPrimes are the odd primes below 1000 and their product.
var smallPrimes = sync.OnceValues(func() ([]int64, *big.Int) {
	var primes []int64
	product := big.NewInt(1)
	for n := int64(3); n < 1000; n += 2 {
		if !slices.ContainsFunc(primes, func(p int64) bool { return n%p == 0 }) {
			primes = append(primes, n)
			product.Mul(product, big.NewInt(n))
		}
	}
	return primes, product
})

// checkModulus refuses a modulus that is known to be easy to factor.
func checkModulus(n *big.Int) error {
	primes, product := smallPrimes()
	rest := new(big.Int)
	if rest.GCD(nil, nil, n, product); rest.Cmp(big.NewInt(1)) != 0 {
		for _, p := range primes {
			if rest.Mod(n, big.NewInt(p)).Sign() == 0 {
				return fmt.Errorf("RSA modulus is weak: it is divisible by %d", p)
			}
		}
	}
	if factorsAreClose(n) {
		return errors.New("RSA modulus is weak: its factors are so close that they are found at once (CVE-2022-26320)")
	}
	if looksLikeROCA(n, primes) {
		return errors.New("RSA modulus is weak: it has the form of a broken smart card library's (ROCA, CVE-2017-15361)")
	}
	return nil
}

// factorsAreClose is Fermat's method, for a few rounds: n = a^2 - b^2 = (a-b)(a+b) with a just over the square root.
func factorsAreClose(n *big.Int) bool {
	one := big.NewInt(1)
	a := new(big.Int).Sqrt(n)
	b, square := new(big.Int), new(big.Int)
	for range closeRounds {
		if b.Sub(b.Mul(a, a), n); b.Sign() >= 0 {
			if root := square.Sqrt(b); root.Mul(root, root).Cmp(b) == 0 {
				return true
			}
		}
		a.Add(a, one)
	}
	return false
}

// looksLikeROCA tells whether n is a power of 65537 modulo every prime to 167, as the product of two primes
// k*M + (65537^a mod M) is. One good modulus in 2^27 is, too. (Nemec and others, "The Return of Coppersmith's Attack",
// 2017, section 2.3.)
func looksLikeROCA(n *big.Int, primes []int64) bool {
	const generator, last = 65537, 167
	remainder := new(big.Int)
	for _, p := range primes {
		if p > last {
			break
		}
		want := remainder.Mod(n, big.NewInt(p)).Int64()
		power := int64(1)
		for power != want {
			if power = power * (generator % p) % p; power == 1 {
				return false // the powers are through, and want is none of them
			}
		}
	}
	return true
}

var errPoint = errors.New("Ed25519 public key is not a point of the curve, in its one encoding (RFC 8032 section 5.1.3)")

// checkEd25519 refuses what is no point of the curve, has another encoding than its one, or is of small order: with a
// key of small order, one signature holds for many texts or for all.
func checkEd25519(k ed25519.PublicKey) error {
	point, err := new(edwards25519.Point).SetBytes(k)
	if err != nil || !bytes.Equal(point.Bytes(), k) {
		return errPoint
	}
	if point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return errors.New("Ed25519 public key is a point of small order: anyone can sign for it")
	}
	return nil
}
