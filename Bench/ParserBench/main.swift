import CAllocationCounter
import SIP

// Nanoseconds and allocations per parsed message; the fastest of several rounds, since others use the machine too.

func measure(_ name: String, rounds: Int = 1_000, count: Int = 500, _ work: () -> Void) {
    var best = Duration.seconds(3600)
    work()
    let before = CAllocationCounter_count()
    for _ in 0..<rounds {
        let time = ContinuousClock().measure { for _ in 0..<count { work() } }
        best = min(best, time)
    }
    let allocations = (CAllocationCounter_count() - before) / UInt64(rounds * count)
    let nanoseconds = best.components.attoseconds / 1_000_000_000 / Int64(count)
    print("\(name): \(nanoseconds) ns, \(allocations) allocations")
}

@inline(never) func keep(_ message: Message?) { if message?.headers.isEmpty ?? true { print("not parsed") } }

let invite = Samples.invite
let ok = Samples.ok
measure("INVITE, \(invite.count) octets, 16 header fields") { keep(try? MessageParser.parse(datagram: invite)) }
measure("200, \(ok.count) octets, 9 header fields") { keep(try? MessageParser.parse(datagram: ok)) }
measure("three URIs of the INVITE") {
    guard let message = try? MessageParser.parse(datagram: invite) else { return }
    for name in [HeaderName.from, .to, .contact] {
        guard let field = message.header(name), let value = NameAddress(field.value, in: invite),
            URI(value.uri, in: invite) != nil
        else { return print("not read") }
    }
}
