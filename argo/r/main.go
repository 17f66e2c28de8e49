package main

import (
	_ "github.com/argoproj/argo-cd/v3/util/argo/diff"
 _ "github.com/argoproj/argo-cd/v3/util/settings"
 _ "k8s.io/client-go/kubernetes/fake"
	_ "github.com/argoproj/argo-cd/v3/util/lua"
	_ "github.com/argoproj/gitops-engine/pkg/diff"
)

func main() {}
