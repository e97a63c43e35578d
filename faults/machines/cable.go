// A bad cable between two bridges: two TAP devices. Every Ethernet frame that enters one leaves the other later,
// or never.
//
//	cable -a NAME -b NAME -delay 40ms -jitter 20ms -loss 0.05 -seed 1
//
// It does what `tc ... netem` does, for kernels that were built without it. Both directions have the delay, a
// jitter of at most `jitter` around it, and the loss. It keeps the order of frames, as cables do. It prints "ready"
// on standard output. On SIGTERM it prints how many frames there were, and how many of them it dropped. The kernel
// removes the devices when the process ends.
package main

import (
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	setInterface   = 0x400454ca // TUNSETIFF of linux/if_tun.h
	ethernetFrames = 0x0002     // IFF_TAP
	noHeader       = 0x1000     // IFF_NO_PI
	largestFrame   = 65536
	queuedFrames   = 10000
)

type frame struct {
	bytes []byte
	due   time.Time
}

var carried, dropped atomic.Int64

func main() {
	first := flag.String("a", "", "name of the first device")
	second := flag.String("b", "", "name of the second device")
	delay := flag.Duration("delay", 0, "how much later a frame arrives")
	jitter := flag.Duration("jitter", 0, "by how much the delay may be shorter or longer")
	loss := flag.Float64("loss", 0, "share of the frames that never arrive")
	seed := flag.Int64("seed", 1, "of the random numbers")
	flag.Parse()

	a, b := openDevice(*first), openDevice(*second)
	go carry(a, b, *delay, *jitter, *loss, rand.New(rand.NewSource(*seed)))
	go carry(b, a, *delay, *jitter, *loss, rand.New(rand.NewSource(*seed+1)))
	fmt.Println("ready")

	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	<-asked
	fmt.Printf("{\"frames\":%d,\"dropped\":%d}\n", carried.Load()+dropped.Load(), dropped.Load())
}

func openDevice(name string) *os.File {
	descriptor, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		log.Fatalf("/dev/net/tun cannot be opened: %v", err)
	}
	var request struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:15], name)
	request.flags = ethernetFrames | noHeader
	if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, uintptr(descriptor), setInterface, uintptr(unsafe.Pointer(&request))); code != 0 {
		log.Fatalf("the device %s cannot be made: %v", name, code)
	}
	// The device has to be attached first: the poller refuses a descriptor without a device.
	return os.NewFile(uintptr(descriptor), name)
}

func carry(from, to *os.File, delay, jitter time.Duration, loss float64, random *rand.Rand) {
	queue := make(chan frame, queuedFrames)
	go func() {
		for next := range queue {
			time.Sleep(time.Until(next.due))
			// A device that is not up yet refuses the frame. The frame is lost, as on a cable that is not plugged in.
			if _, err := to.Write(next.bytes); err != nil {
				dropped.Add(1)
				continue
			}
			carried.Add(1)
		}
	}()
	buffer := make([]byte, largestFrame)
	var lastDue time.Time
	for {
		size, err := from.Read(buffer)
		if err != nil {
			log.Fatalf("%s cannot be read: %v", from.Name(), err)
		}
		if random.Float64() < loss {
			dropped.Add(1)
			continue
		}
		due := time.Now().Add(delay + time.Duration((2*random.Float64()-1)*float64(jitter)))
		if due.Before(lastDue) {
			due = lastDue
		}
		lastDue = due
		queue <- frame{append([]byte(nil), buffer[:size]...), due}
	}
}
