import CAllocationCounter
import NetworkTypes
import OutboundProxy
import TLS

// What a call costs the proxy core alone, without sockets and media: INVITE 100 180 200 ACK BYE 200, from inside to
// outside, 400 calls a second of virtual time. Microseconds and allocations per call; the fastest of several rounds,
// since others use the machine too. Outputs are written by the same code as in production.
//
//     swift run -c release CallBench [CALLS A ROUND] [ROUNDS]

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let calls = numbers.first ?? 2000
let rounds = numbers.dropFirst().first ?? 20
let load = CallLoad()
var best = Duration.seconds(3600)
var allocations = UInt64.max
for _ in 0..<rounds {
    load.reset()
    for _ in 0..<calls { load.call() }
    best = min(best, load.spent)
    allocations = min(allocations, load.allocations)
}
guard load.failed == 0 else {
    print("\(load.failed) calls failed")
    throw CallFailure()
}
let (seconds, attoseconds) = best.components
let nanoseconds = (seconds * 1_000_000_000 + attoseconds / 1_000_000_000) / Int64(calls)
print(
    "\(nanoseconds / 1000).\(nanoseconds % 1000 / 100) µs and \(allocations / UInt64(calls)) allocations a call, "
        + "\(load.messages) messages")

struct CallFailure: Error {}
