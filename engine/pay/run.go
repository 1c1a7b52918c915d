package pay

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/task"
)

// OfRun divides a pool by the tokens kept of the run in dir or, where it shares
// credit, by the credits, counted by the tokenizer that the user calls by that
// name; empty is the main one. o.RunID, o.Tokenizer and o.Credit are set to
// those of the run.
func OfRun(ctx context.Context, dir, tokenizer string, o Options) (Statement, error) {
	if _, err := folder.ReadManifest(dir); err != nil {
		return Statement{}, err
	}
	p, err := folder.LoadPlan(filepath.Join(dir, task.PlanFile))
	if err != nil {
		return Statement{}, err
	}
	which, err := p.FindTokenizer(tokenizer)
	if err != nil {
		return Statement{}, fmt.Errorf("%w: %w", doc.ErrUsage, err)
	}
	rows, err := folder.ReadTally(ctx, dir, p)
	if err != nil {
		return Statement{}, err
	}
	o.RunID, o.Tokenizer = p.RunID, p.Tokenizers()[which].Label
	if p.SharesCredit() {
		o.Credit = CreditShared
	}
	kept := make([]Entitlement, len(rows))
	for i, r := range rows {
		kept[i] = Entitlement{Contributor: r.Contributor, Tokens: r.Class[doc.Kept].Tokens}
		if which > 0 {
			kept[i].Tokens = r.Further[which-1][doc.Kept]
		}
		if p.SharesCredit() {
			kept[i].Tokens, kept[i].Fraction = splitCredit(r.Credit[which])
		}
	}
	return Compute(kept, o)
}

// splitCredit returns the whole tokens of a credit and the fraction on top, nil
// if there is none.
func splitCredit(credit *big.Rat) (tokens uint64, rest *big.Rat) {
	whole, part := new(big.Int).QuoRem(credit.Num(), credit.Denom(), new(big.Int))
	if part.Sign() != 0 {
		rest = new(big.Rat).SetFrac(part, credit.Denom())
	}
	return whole.Uint64(), rest
}
