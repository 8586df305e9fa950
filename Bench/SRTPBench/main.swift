import CAllocationCounter
import Glibc
import NetworkTypes
import SRTP

// What SRTP costs for a packet of 172 octets, by both back ends: nanoseconds and allocations.
// swift run -c release SRTPBench

/// The processor time of this process, which is what a packet costs, whoever else is on the machine.
func processorNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Protects and unprotects packets of as many sessions as a worker may have, in turn.
struct Load {
    let senders: [SRTPContext]
    let receivers: [SRTPContext]
    var slot = [UInt8](repeating: 0xd5, count: 172 + SRTPContext.maximumOverhead)

    init(_ suite: CryptoSuite, _ backEnd: SRTPContext.BackEnd, sessions: Int) throws {
        let keys = (0..<sessions).map { _ in KeyingMaterial(random: suite) }
        senders = try keys.map { try SRTPContext($0, .sending, backEnd: backEnd) }
        receivers = try keys.map { try SRTPContext($0, .receiving, backEnd: backEnd) }
        slot[0] = 0x80
        slot[1] = 0
    }

    mutating func run(_ packets: Range<Int>, unprotects: Bool) throws {
        let (senders, receivers) = (senders, receivers)
        var span = slot.mutableSpan
        for packet in packets {
            let sequence = packet / senders.count
            span[2] = UInt8(truncatingIfNeeded: sequence >> 8)
            span[3] = UInt8(truncatingIfNeeded: sequence)
            let length = try senders[packet % senders.count].protect(&span, length: 172)
            if unprotects { _ = try receivers[packet % senders.count].unprotect(&span, length: length) }
        }
    }
}

func measure(_ suite: CryptoSuite, _ backEnd: SRTPContext.BackEnd, sessions: Int, _ packets: Int) throws {
    var nanoseconds: [Double] = []
    var allocations: UInt64 = 0
    for unprotects in [false, true] {
        var load = try Load(suite, backEnd, sessions: sessions)
        try load.run(0..<10 * sessions, unprotects: unprotects)
        let before = CAllocationCounter_count()
        let started = processorNanoseconds()
        try load.run(10 * sessions..<10 * sessions + packets, unprotects: unprotects)
        nanoseconds.append(Double(processorNanoseconds() - started) / Double(packets))
        allocations = UInt64(CAllocationCounter_count() - before)
    }
    let (protect, both) = (Int(nanoseconds[0]), Int(nanoseconds[1]))
    print(
        "\(suite.name) \(backEnd) \(sessions) sessions: protect \(protect) ns, both \(both) ns, "
            + "\(allocations) allocations")
}

/// What signalling costs: both contexts of a leg.
func measureContexts(_ suite: CryptoSuite) throws {
    let keys = KeyingMaterial(random: suite)
    let started = processorNanoseconds()
    for _ in 0..<10_000 {
        _ = try SRTPContext(keys, .sending)
        _ = try SRTPContext(keys, .receiving)
    }
    print("\(suite.name) openSSL: \((processorNanoseconds() - started) / 10_000) ns for the two contexts of a leg")
}

try measureContexts(.aes128SHA1x80)
try measureContexts(.aes128GCM)
for sessions in [1, 500] {
    for suite in [CryptoSuite.aes128SHA1x80, .aes256SHA1x80, .aes128GCM, .aes256GCM] {
        try measure(suite, .openSSL, sessions: sessions, 500_000)
        try measure(suite, .libsrtp, sessions: sessions, 50_000)
    }
}
