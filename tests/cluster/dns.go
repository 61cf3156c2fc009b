package main

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corev1 "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// serveDNS answers at a UDP address for the ClusterIPs of Services. The sandbox has no network outside itself, so
// there is nobody to ask for other names: they do not exist.
func serveDNS(kubeconfig, address string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services().Lister()
	forever := context.Background().Done()
	factory.Start(forever)
	factory.WaitForCacheSync(forever)

	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	packet := make([]byte, 1500)
	for {
		size, client, err := socket.ReadFrom(packet)
		if err != nil {
			return err
		}
		if reply, err := answer(services, packet[:size]); err == nil {
			socket.WriteTo(reply, client)
		}
	}
}

func answer(services corev1.ServiceLister, query []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	reply := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, Authoritative: true,
			RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{question},
	}
	address, found := clusterIP(services, question.Name.String())
	switch {
	case !found:
		reply.RCode = dnsmessage.RCodeNameError
	case address.Is4() && question.Type == dnsmessage.TypeA:
		// Any other type, AAAA above all, must be answered as "no such record": "no such name" would make
		// resolvers that ask for both give up.
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.AResource{A: address.As4()},
		}}
	}
	return reply.Pack()
}

// clusterIP looks up NAME.NAMESPACE.svc.cluster.local. The address of a headless Service is the zero one.
func clusterIP(services corev1.ServiceLister, host string) (address netip.Addr, found bool) {
	path, ok := strings.CutSuffix(strings.ToLower(host), ".svc.cluster.local.")
	name, namespace, split := strings.Cut(path, ".")
	if !ok || !split {
		return address, false
	}
	service, err := services.Services(namespace).Get(name)
	if err != nil {
		return address, false
	}
	address, _ = netip.ParseAddr(service.Spec.ClusterIP)
	return address, true
}
