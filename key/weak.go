package key

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
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

// edwards25519 are the constants of RFC 8032 section 5.1: the field's prime, and d of -x^2 + y^2 = 1 + d x^2 y^2.
var edwards25519 = sync.OnceValues(func() (p, d *big.Int) {
	p = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d = new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	return p, d
})

var errPoint = errors.New("Ed25519 public key is not a point of the curve, in its one encoding (RFC 8032 section 5.1.3)")

// checkEd25519 refuses what is no point of the curve, has another encoding than its one, or is of small order: with a
// key of small order, one signature holds for many texts or for all.
func checkEd25519(k ed25519.PublicKey) error {
	p, d := edwards25519()
	text := slices.Clone(k)
	negative := text[31] >> 7
	text[31] &= 0x7f
	slices.Reverse(text)
	y := new(big.Int).SetBytes(text)
	if y.Cmp(p) >= 0 {
		return errPoint
	}
	one := big.NewInt(1)
	yy := new(big.Int).Mul(y, y)
	below := new(big.Int).Mul(yy, d)
	below.ModInverse(below.Add(below, one).Mod(below, p), p) // never 0: -1/d is no square
	x := new(big.Int).Mul(yy.Sub(yy, one), below)
	if x = x.ModSqrt(x.Mod(x, p), p); x == nil || x.Sign() == 0 && negative == 1 {
		return errPoint
	}
	for range 3 { // eight times the point, whose sign does not matter here
		x, y = double(x, y, p, d)
	}
	if x.Sign() == 0 && y.Cmp(one) == 0 {
		return errors.New("Ed25519 public key is a point of small order: anyone can sign for it")
	}
	return nil
}

// double adds a point to itself (RFC 8032 section 5.1, the addition formula).
func double(x, y, p, d *big.Int) (x2, y2 *big.Int) {
	one := big.NewInt(1)
	xx, yy, xy := new(big.Int).Mul(x, x), new(big.Int).Mul(y, y), new(big.Int).Mul(x, y)
	k := new(big.Int).Mul(xx, yy)
	k.Mul(k, d).Mod(k, p)
	divide := func(above, below *big.Int) *big.Int {
		below.ModInverse(below.Mod(below, p), p)
		return above.Mod(above.Mul(above, below), p)
	}
	x2 = divide(xy.Lsh(xy, 1), new(big.Int).Add(one, k))
	y2 = divide(yy.Add(yy, xx), new(big.Int).Sub(one, k))
	return x2, y2
}
