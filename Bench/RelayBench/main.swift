import CAllocationCounter
import CShims

// What the packet half of MediaRelay costs without any socket: nanoseconds and allocations for a packet.
// swift run -c release RelayBench

func measure() {
    let packets = 2_000_000
    let load = RelayLoad()
    _ = load.relay(100_000, from: 0)
    let allocations = CAllocationCounter_count()
    let started = CShims_monotonic_nanoseconds()
    let forwarded = load.relay(packets, from: 100_000)
    let elapsed = CShims_monotonic_nanoseconds() - started
    let allocated = CAllocationCounter_count() - allocations
    print("relay: \(packets) packets, \(RelayLoad.sessions) sessions, \(forwarded) forwarded")
    print("relay: \(Double(elapsed) / Double(packets)) ns/packet, \(allocated) allocations")
}

measure()
