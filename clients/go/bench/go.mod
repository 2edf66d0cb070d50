module counterfoil.dev/go/bench

go 1.19

require (
	counterfoil.dev/go v0.0.0
	golang.org/x/mod v0.0.0
)

replace (
	counterfoil.dev/go => ../
	// Debian's golang-golang-x-mod-dev.
	golang.org/x/mod => /usr/share/gocode/src/golang.org/x/mod
)
