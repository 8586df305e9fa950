import SDP
import TestSupport
import Testing

@Suite("Session descriptions of others", .enabled(if: Corpus.isPresent))
struct SDPCorpusTests {
    @Test("are read, and written again byte for byte")
    func roundTrip() throws {
        #expect(Corpus.sessionDescriptions.count > 500)
        var refused: [String] = []
        for file in Corpus.sessionDescriptions {
            let body = try Corpus.bytes(file)
            guard let description = try? SessionDescription(body) else {
                refused.append(file)
                continue
            }
            #expect(SDPWriter(description).finish() == body, "\(file)")
        }
        #expect(refused == [])
    }

    @Test("security 15: survive any single-byte mutation, and being cut short")
    func mutations() throws {
        let bodies = try Corpus.fiftyBodies()
        #expect(OctetMutations.forEach(of: bodies, sample: 12, visit: check) > 100_000)
        for body in bodies { check(Array(body.dropLast(body.count / 2))) }
    }

    @Test("security 15: survive every octet at every position")
    func everyOctet() {
        var body = Array(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP6 ::1/1\r\nm=audio 1/1 RTP/AVP 0\r\na=rtcp:1 IN IP4 a.b".utf8)
        for index in body.indices {
            let original = body[index]
            for octet in UInt8.min...UInt8.max {
                body[index] = octet
                check(body)
            }
            body[index] = original
        }
    }

    private func check(_ body: [UInt8]) {
        guard let description = try? SessionDescription(body) else { return }
        if SDPWriter(description).finish() != body { Issue.record("not written as read") }
    }
}
