module walm

go 1.26.8
