package pay

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
)

// unitDigits is the number of decimal digits below a minor unit: a unit, in
// which all money is counted, is 10⁻⁹ of a minor unit (a cent, say).
const unitDigits = 9

// maxDigits bounds the integer part of a number: far above 2⁶³ units, low
// enough that a hostile file cannot make arithmetic slow.
const maxDigits = 60

// currencies by exponent: how many decimals their minor unit has, from ISO
// 4217 list one. Codes without a minor unit (gold, test codes) are left out.
var currencies = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP " +
		"GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT " +
		"LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN " +
		"NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB " +
		"SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS " +
		"UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

// Exponent returns the number of decimals of a currency's minor unit (JPY 0,
// USD 2, KWD 3). An unknown code wraps doc.ErrUsage.
func Exponent(currency string) (int, error) {
	for exponent, codes := range currencies {
		for code := range strings.FieldsSeq(codes) {
			if code == currency {
				return exponent, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: unknown currency %q: want an ISO 4217 code such as USD, EUR or JPY", doc.ErrUsage, currency)
}

// parseDecimal reads a plain non-negative decimal ("1234.56") as an integer
// multiple of 10^-decimals. Signs, exponents and separators are refused: what
// is meant by "1,234" or "1e6" depends on the reader.
func parseDecimal(s string, decimals int) (*big.Int, error) {
	whole, frac, dot := strings.Cut(s, ".")
	if whole == "" || dot && frac == "" || !digits(whole) || !digits(frac) {
		return nil, fmt.Errorf("%q is not a plain decimal number such as 1234.56", s)
	}
	if len(whole) > maxDigits {
		return nil, fmt.Errorf("a number of %d digits is too large", len(whole))
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > decimals {
		return nil, fmt.Errorf("%q has more than %d decimals", s, decimals)
	}
	v, _ := new(big.Int).SetString(whole+frac+strings.Repeat("0", decimals-len(frac)), 10)
	return v, nil
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// maxMinorDigits bounds an amount that a user gives, in minor units, so that
// a slip of the hand is refused. 2⁶³ has 19 digits.
const maxMinorDigits = 30

// parseMoney reads an amount in major units as units; it must be a whole
// number of minor units.
func parseMoney(s string, exponent int) (*big.Int, error) {
	minor, err := parseDecimal(s, exponent)
	if err != nil {
		return nil, err
	}
	if len(minor.String()) > maxMinorDigits {
		return nil, fmt.Errorf("%q is too much money", s)
	}
	return minor.Mul(minor, pow10(unitDigits)), nil
}

// parseShare reads "0.2" or "20%" as parts per 10⁹. With at most nine
// decimals, pool × share is always a whole number of units.
func parseShare(s string) (*big.Int, error) {
	decimals := unitDigits
	number, percent := strings.CutSuffix(s, "%")
	if percent {
		decimals -= 2
	}
	v, err := parseDecimal(strings.TrimRight(number, " "), decimals)
	if err != nil {
		return nil, err
	}
	if v.Cmp(pow10(unitDigits)) > 0 {
		return nil, fmt.Errorf("%q is more than the whole", s)
	}
	return v, nil
}

func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// formatDecimal writes v × 10^-decimals with all its decimals.
func formatDecimal(v *big.Int, decimals int) string {
	s := v.String()
	if decimals == 0 {
		return s
	}
	if len(s) <= decimals {
		s = strings.Repeat("0", decimals+1-len(s)) + s
	}
	return s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}

// displayDecimals is how many decimals of the major unit people are shown.
const displayDecimals = 6

// Display writes units as major units with six decimals, the last rounded
// half up: for people; the integers are what counts.
func (s Statement) Display(units *big.Int) string {
	decimals := s.Exponent + unitDigits
	step := pow10(decimals - displayDecimals)
	v := new(big.Int).Rsh(step, 1)
	v.Add(v, units)
	return formatDecimal(v.Quo(v, step), displayDecimals)
}

// DisplayPaid writes units that are whole minor units as major units with
// the currency's decimals: 216.66.
func (s Statement) DisplayPaid(units *big.Int) string {
	return formatDecimal(new(big.Int).Quo(units, pow10(unitDigits)), s.Exponent)
}
