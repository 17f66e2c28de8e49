package main

import (
	_ "github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	_ "github.com/argoproj/argo-cd/v3/util/lua"
	_ "github.com/argoproj/gitops-engine/pkg/diff"
)

func main() {}
