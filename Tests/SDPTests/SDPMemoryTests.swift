import SDP
import TestSupport
import Testing

@Suite(
    "security 17: a session description takes no more memory than eight times its octets, and a little",
    .enabled(if: Heap.isFollowed))
struct SDPMemoryTests {
    /// What a body of whatever size may take beside that: as many media descriptions as are taken, with 300 octets each.
    private static let base = 32 * 300

    private func expectBound(_ octets: [UInt8], _ name: String) {
        // What is made once for all belongs to no message.
        _ = try? SessionDescription(octets)
        let peak = Heap.peak { try? SessionDescription(Array(octets[...])) }
        if peak > 8 * octets.count + Self.base { Issue.record("\(name): \(octets.count) octets take \(peak)") }
    }

    @Test("those of others", .enabled(if: Corpus.isPresent))
    func corpus() throws {
        for file in Corpus.sessionDescriptions { expectBound(try Corpus.bytes(file), file) }
    }

    @Test(
        "the least octets with the most in them",
        arguments: [
            (line: "m=a 1 a\n", count: 32), ("m=a 1 a\n", 17), ("m=a 1 a\n", 3), ("a=alt\n", 1_020), ("a=alt\n", 513),
            ("a=alt\n", 40),
            ("c=IN a b\n", 1_020), ("c=IN a b\n", 513), ("o=IN a b\n", 513),
            ("m=a 1 a\n" + String(repeating: "a=rtpmap:1 /1\n", count: 32), 29),
            ("m=a 1 a\n" + String(repeating: "a=candidate:1 1 UDP 1 a 1\n", count: 17), 32),
            (
                "m=a 1 a\n"
                    + (1...9).map {
                        "a=crypto:\($0) AES_CM_128_HMAC_SHA1_80 inline:\(String(repeating: "A", count: 40))\n"
                    }.joined(), 32
            ),
            (
                "m=a 1 a\n"
                    + String(repeating: "a=fingerprint:sha-1 00\(String(repeating: ":00", count: 19))\n", count: 16), 32
            ),
            ("m=a 1 a\na=ice-ufrag:aaaa\na=tls-id:a\n", 32),
        ])
    func worst(line: String, count: Int) {
        expectBound(Array(("v=0\nc=IN a b\na=tls-id:a\n" + String(repeating: line, count: count)).utf8), line)
    }
}
