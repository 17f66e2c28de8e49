cd /work/h/ha/tests/cluster/go/argocd
exec nice -n 19 env GOBIN=/work/h/ha/.cluster/bin CGO_ENABLED=0 GOFLAGS=-mod=readonly go install -v -trimpath -tags= "-ldflags=-s -w" tool
