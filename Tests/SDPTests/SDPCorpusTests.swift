import SDP
import TestSupport
import Testing

@Suite("Session descriptions of others", .enabled(if: Corpus.isPresent))
struct SDPCorpusTests {
    private static let files =
        Corpus.files(in: "ietf-sdp", suffix: ".sdp") + Corpus.files(in: "rtpengine-sdp", suffix: ".sdp")

    @Test("are read, and written again byte for byte")
    func roundTrip() throws {
        #expect(Self.files.count > 500)
        var refused: [String] = []
        for file in Self.files {
            let body = try Corpus.bytes(file)
            guard let description = try? SessionDescription(body) else {
                refused.append(file)
                continue
            }
            #expect(SDPWriter(description).finish() == body, "\(file)")
        }
        #expect(refused == [])
    }

    /// Every position of 50 bodies of both kinds, each with octets that mean something to the grammar and some that mean
    /// nothing; and every octet at some positions.
    @Test("security 15: survive any single-byte mutation")
    func mutations() throws {
        let octets: [UInt8] = [0, 10, 13, 32, 47, 48, 58, 61, 97, 99, 109, 255]
        let step = max(1, Self.files.count / 50)
        for file in stride(from: 0, to: Self.files.count, by: step).map({ Self.files[$0] }) {
            var body = try Corpus.bytes(file)
            for index in body.indices {
                let original = body[index]
                for octet in octets {
                    body[index] = octet
                    check(body)
                }
                body[index] = original
            }
            check(Array(body.dropLast(body.count / 2)))
        }
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
