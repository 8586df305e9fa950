import NetworkTypes
import SIP
import TestSupport
import Testing

@testable import OutboundProxy

/// What others found to break SIP stacks, fed to one core from both sides (security 18, 19): no trap, no answer to an
/// answer, and nothing is left when the timers have run out.
@Suite(.enabled(if: Corpus.isPresent)) struct SeedCorpusTests {
    @Test(arguments: [
        ("protos-c07-sip", 2 * 1221), ("kamailio-sip", 2 * 44), ("belle-sip-afl", 3), ("sipgo-fuzz-finds", 8),
        ("siphon-sipp", 200), ("ietf-rfc4475", 50), ("ietf-rfc5118", 12), ("ietf-call-flows", 258),
    ])
    func `the core survives`(folder: String, least: Int) throws {
        let seeds = try Seeds.messages(of: folder)
        #expect(seeds.count >= least)
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")])
        for (index, seed) in seeds.enumerated() {
            for (side, source) in Self.sources {
                let (_, sent) = proxy.outcome(of: seed, on: side, from: source)
                // The answer to a malformed request repeats what is wrong; what is forwarded is whole.
                #expect(
                    !sent.contains { $0.message == nil || $0.isRequest && $0.message?.defect != nil },
                    "\(folder) \(index)")
                if Self.deservesNoAnswer(seed) { #expect(!sent.contains { !$0.isRequest }, "\(folder) \(index)") }
            }
            proxy.advance(.milliseconds(100))
        }
        #expect(proxy.core.counters.messagesIn == UInt64(seeds.count * Self.sources.count))
        proxy.settle()
        #expect(proxy.remains == [])
        #expect(proxy.leaks == [])
    }

    private static let sources: [(Side, SocketAddress)] = [
        (.inside, ProxyHarness.pbx), (.outside, ProxyHarness.itsp), (.outside, ProxyHarness.stranger),
    ]

    /// Responses and ACKs.
    private static func deservesNoAnswer(_ seed: [UInt8]) -> Bool {
        let start = seed.drop { $0 == 13 || $0 == 10 }
        return start.starts(with: "SIP/".utf8) || start.starts(with: "ACK ".utf8)
    }
}
