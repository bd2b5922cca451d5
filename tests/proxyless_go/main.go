// Command proxyless_go is one gRPC process without a proxy, by grpc-go: a server, or a client that dials xds:///...
//
//	proxyless_go server ADDRESS:PORT NAME [--mtls]   says "ready", answers every call with NAME
//	proxyless_go client TARGET [--mtls]              reads numbers: makes so many calls, prints the answers
//
// It says and understands the same as proxyless_peer.py beside it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	xdscredentials "google.golang.org/grpc/credentials/xds"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"
)

const (
	service, method = "echo.Echo", "Who"
	patience        = 25 * time.Second
)

// bytesCodec passes messages on as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "bytes" }

func (bytesCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (bytesCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

func main() {
	isTLS := func(argument string) bool { return argument == "--mtls" }
	secure := slices.ContainsFunc(os.Args, isTLS)
	arguments := slices.DeleteFunc(os.Args[1:], isTLS)
	run := dial
	if arguments[0] == "server" {
		run = serve
	}
	if err := run(arguments[1:], secure); err != nil {
		log.Fatal(err)
	}
}

// server is what the plain and the xDS server have in common.
type server interface {
	grpc.ServiceRegistrar
	Serve(net.Listener) error
	Stop()
}

// serve answers until standard input ends. With mutual TLS it is an xDS server: what it demands comes from the
// control plane.
func serve(arguments []string, secure bool) error {
	listener, err := net.Listen("tcp", arguments[0])
	if err != nil {
		return err
	}
	made, err := newServer(secure)
	if err != nil {
		return err
	}
	name := []byte(arguments[1])
	answer := func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var asked []byte
		if err := decode(&asked); err != nil {
			return nil, err
		}
		who := func(context.Context, any) (any, error) { return &name, nil }
		if intercept == nil {
			return who(ctx, &asked)
		}
		return intercept(ctx, &asked, &grpc.UnaryServerInfo{FullMethod: "/" + service + "/" + method}, who)
	}
	methods := []grpc.MethodDesc{{MethodName: method, Handler: answer}}
	made.RegisterService(&grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Methods: methods}, nil)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		made.Stop()
	}()
	fmt.Println("ready")
	return made.Serve(listener)
}

func newServer(secure bool) (server, error) {
	codec := grpc.ForceServerCodec(bytesCodec{})
	if !secure {
		return grpc.NewServer(codec), nil
	}
	fallback := xdscredentials.ServerOptions{FallbackCreds: insecure.NewCredentials()}
	given, err := xdscredentials.NewServerCredentials(fallback)
	if err != nil {
		return nil, err
	}
	return xds.NewGRPCServer(codec, grpc.Creds(given))
}

// dial is a client: one channel for all calls.
func dial(arguments []string, secure bool) error {
	given := insecure.NewCredentials()
	if secure {
		var err error
		if given, err = clientCredentials(); err != nil {
			return err
		}
	}
	channel, err := grpc.NewClient("xds:///"+arguments[0], grpc.WithTransportCredentials(given))
	if err != nil {
		return err
	}
	defer channel.Close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		number, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			return err
		}
		answers := map[string]int{}
		for range number {
			answers[call(channel)]++
		}
		said, err := json.Marshal(answers)
		if err != nil {
			return err
		}
		fmt.Println(string(said))
	}
	return lines.Err()
}

func clientCredentials() (credentials.TransportCredentials, error) {
	fallback := xdscredentials.ClientOptions{FallbackCreds: insecure.NewCredentials()}
	return xdscredentials.NewClientCredentials(fallback)
}

// call asks once: the name of who answers, or the code of the failure as grpcio writes it.
func call(channel *grpc.ClientConn) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var asked, answer []byte
	err := channel.Invoke(ctx, "/"+service+"/"+method, &asked, &answer, grpc.ForceCodec(bytesCodec{}))
	if err == nil {
		return string(answer)
	}
	return constantName(status.Code(err).String())
}

// constantName makes PERMISSION_DENIED of PermissionDenied.
func constantName(name string) string {
	var made strings.Builder
	for index, each := range name {
		if index > 0 && each >= 'A' && each <= 'Z' {
			made.WriteByte('_')
		}
		made.WriteRune(each)
	}
	return strings.ToUpper(made.String())
}
