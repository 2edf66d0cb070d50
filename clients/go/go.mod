module counterfoil.dev/go

go 1.19
