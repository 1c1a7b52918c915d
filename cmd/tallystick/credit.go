package main

// creditFlags say how tokens are credited.
type creditFlags struct {
	Credit string `enum:"first,shared" default:"first" help:"Who is credited with a kept document's tokens: first, its contributor; or shared, in equal parts, all contributors of it and of its duplicates (default: first)."`
}
