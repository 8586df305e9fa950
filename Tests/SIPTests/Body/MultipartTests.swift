import TestSupport
import Testing

@testable import SIP

/// Multipart bodies as RFC 2046 §5.1 and RFC 5621 have them, and none that two readers could take differently (security 21).
@Suite struct MultipartTests {
    private static let sdp = Parted.part("application/sdp", Parted.sdp)
    private static let location = Parted.part("application/pidf+xml", Parted.location, "Content-ID: <here@a>\n")

    @Test(
        arguments: [
            "multipart/mixed;boundary=cut", "multipart/mixed; boundary=\"cut\"", "MULTIPART/Mixed ; BOUNDARY = cut",
            "multipart / mixed;boundary=cut", "multipart/related;type=\"a;boundary=x\";boundary=cut;start=\"<a@b>\"",
            "multipart/mixed;\n boundary=cut", "multipart/x-unknown;boundary=cut",
        ])
    func `the boundary is where its parameter says`(type: String) throws {
        let message = try Parted.message(Parted.body([Self.sdp, Self.location]), type: type)
        #expect(try message.description() == "v=0\r\ns=-\r\nt=0 0\r\n")
    }

    @Test(
        arguments: [
            "multipart/mixed", "multipart/mixed;boundary", "multipart/mixed;boundary=", "multipart/mixed;boundary=\"\"",
            "multipart/mixed;boundary=cut;boundary=cut", "multipart/mixed;boundary=\"cut",
            "multipart/mixed;boundary=\"c\\ut\"",
            "multipart/mixed;boundary=other", "multipart/mixed;boundary=Cut", "multipart/mixed;boundary=\"cut \"",
            "multipart/;boundary=cut", "multipart/mi xed;boundary=cut", "multipart/mixed (x);boundary=cut",
            "multipart;boundary=cut",
        ])
    func `without a boundary that stands in the body it is refused`(type: String) throws {
        #expect(try Parted.message(Parted.body([Self.sdp]), type: type).refusal == 400)
    }

    @Test(
        arguments: [
            ("a", true), (String(repeating: "b", count: 70), true), (String(repeating: "b", count: 71), false),
            ("0-9'()+_,./:=? x", true), ("----=_Part_1", true), ("aabaabaaab", true), ("ab--", true), ("x@y", false),
            ("é", false),
            ("x\"y", false), (String(repeating: "b", count: 70_000), false),
        ])
    func `a boundary has 1 to 70 octets of its grammar`(boundary: String, isAllowed: Bool) throws {
        let body = Parted.body([Self.location, Self.sdp], boundary: boundary)
        guard let message = try? Parted.message(body, type: "multipart/mixed;boundary=\"\(boundary)\"") else { return }
        #expect(message.refusal == (isAllowed ? nil : 400))
        if isAllowed { #expect(try message.description() == "v=0\r\ns=-\r\nt=0 0\r\n") }
    }

    /// Bodies with one session description, which is `[…]`.
    static let readable: [(String, String)] = [
        ("alone", "--cut\nContent-Type: application/sdp\n\n[v=0]\n--cut--"),
        (
            "behind a preamble, before an epilogue",
            "Hi --cu\n--cu\n--cut\nContent-Type: application/sdp\n\n[v=0]\n--cut--\nbye"
        ),
        ("the body begins with a line end", "\n--cut\nContent-Type: application/sdp\n\n[v=0]\n--cut--\n"),
        ("padded delimiters", "--cut \t\nContent-Type: application/sdp\n\n[v=0]\n--cut  \n\n--cut--\t\n"),
        (
            "fields in any case, folded, with white space",
            "--cut\nX: y\n z: u\nCONTENT-type :\n application / SDP ;a=b\n\n[v=0]\n--cut--\n"
        ),
        ("compact form", "--cut\nc:application/sdp\nl: 3\n\n[v=0]\n--cut--\n"),
        (
            "what looks like a field in the other part",
            "--cut\n\nc: multipart/mixed; boundary=cut\n--cut\nc: application/sdp\n\n[v=0]\n--cut--"
        ),
        ("an empty part beside it", "--cut\n\n\n--cut\nc: application/sdp\n\n[v=0]\n--cut--"),
        ("empty itself", "--cut\nc: application/sdp\n\n[]\n--cut--"),
        ("without an empty line there is no content", "--cut\nc: application/sdp\n[]\n--cut--"),
        ("empty lines are its own", "--cut\nc: application/sdp\n\n[\n\nv=0\n\n]\n--cut--"),
        (
            "dashes in a part",
            "--cut\n\n--\n--c\n--cu\n-- cut\n--Cut\ncut--\n--cut\nc: application/sdp\n\n[--]\n--cut--"
        ),
        (
            "plain by all its fields",
            "--cut\nc: application/sdp\nContent-Transfer-Encoding: 8Bit\nContent-Encoding: Identity\nContent-Disposition: Session;handling=required\n\n[v=0]\n--cut--"
        ),
    ]

    @Test(arguments: readable) func `read`(name: String, marked: String) throws {
        let parts = marked.split(separator: "[", maxSplits: 1).flatMap {
            $0.split(separator: "]", maxSplits: 1, omittingEmptySubsequences: false)
        }
        let expected = String(decoding: wire(String(parts[1])), as: UTF8.self)
        let body = marked.replacing("[", with: "").replacing("]", with: "")
        #expect(try Parted.message(body).description() == expected, "\(name)")
    }

    @Test(
        arguments: [
            ("--cut--\n", 400), ("--cut\n--cut--\n", 400), ("--cut\nc: application/sdp\n\nv=0\n", 400),
            ("--cut\nc: application/sdp\n\nv=0\n--cut\n", 400), ("--cut\nc: application/sdp\n\nv=0\n--cut-\n", 400),
            ("--cut\nc: application/sdp\n\nv=0\n--cut--x\n", 400), ("--cut\nc: application/sdp\n\nv=0 --cut--\n", 400),
            ("--cutx\nc: application/sdp\n\nv=0\n--cut--\n", 400),
            ("x--cut\nc: application/sdp\n\nv=0\n--cut--\n", 400),
            ("--cut\nc: application/sdp\n\nv=0\n--cut--\n--cut\n", 400),
            ("--cut\nc: application/sdp\n\nv=0\n--cut--\n--cut--\n", 400),
            ("--cut\nc: application/sdp\n\nv=0\n--cutter\nx\n--cut--\n", 400),
            ("--cut\nc: application/sdp\n\nx--cut\n--cut--\n", 400),
            ("--cut\n c: application/sdp\n\nv=0\n--cut--\n", 400), ("--cut\nc application/sdp\n\nv=0\n--cut--\n", 400),
            ("--cut\n: application/sdp\n\nv=0\n--cut--\n", 400), ("--cut\nc: application/sdp\nv=0\n--cut--\n", 400),
            ("--cut\nc: application/sdp", 400), ("--cut\nc: application/sdp\n--cut--", 400),
            ("--cut\nc: text/plain\nContent-Type: application/sdp\n\nv=0\n--cut--\n", 400),
            ("--cut\nc: sdp\n\nv=0\n--cut--\n", 400), ("--cut\nc: application/sdp (x)\n\nv=0\n--cut--\n", 400),
            ("--cut\nc: \n\nv=0\n--cut--\n", 400), ("--cut\nX: a\u{7f}b\nc: application/sdp\n\nv=0\n--cut--\n", 400),
            ("--cut\nc: application/sdp\nl: 3\nContent-Length: 3\n\nv=0\n--cut--\n", 400),
            ("--cut\nc: application/sdp\nl: \n\nv=0\n--cut--\n", 400),
            ("--cut\nc: application/sdp\nl: -3\n\nv=0\n--cut--\n", 400),
            ("--cut\nc: application/sdp\nContent-Transfer-Encoding: base64\n\ndj0w\n--cut--\n", 415),
            ("--cut\nc: application/sdp\ne: gzip\n\nv=0\n--cut--\n", 415),
            ("--cut\nc: multipart/mixed;boundary=in\ne: gzip\n\n--in\n\n\n--in--\n--cut--\n", 415),
            (
                "--cut\nc: multipart/mixed;boundary=in\nContent-Transfer-Encoding: quoted-printable\n\n--in\n\n\n--in--\n--cut--\n",
                415
            ),
            ("--cut\nc: multipart/mixed;boundary=in\n\n--in\nc: application/sdp\n\nv=0\n--cut--\n", 400),
            ("--cut\nc: multipart/mixed;boundary=cut\n\n--cut\nc: application/sdp\n\nv=0\n--cut--\n--cut--\n", 400),
            (
                "--cut\nc: multipart/signed;boundary=in\n\n--in\nc: application/sdp\n\nv=0\n--in\n\nsig\n--in--\n--cut--\n",
                415
            ),
        ] as [(String, Int)])
    func `refused`(body: String, status: Int) throws {
        #expect(try Parted.message(body).refusal == status, "\(body)")
    }

    @Test(arguments: ["\r", "\n"]) func `a line of a delimiter or of a field ends with CRLF`(ending: String) throws {
        let text = String(decoding: wire(Parted.body([Self.location, Self.sdp])), as: UTF8.self)
        // Every line end that is not in a content.
        for line in ["--cut\r\n", "+xml\r\n", "<here@a>\r\n", "\r\n\r\nv=0", "\r\n--cut--"] {
            let broken = line.replacing("\r\n", with: ending)
            let body = text.replacing(line, with: broken)
            #expect(body != text)
            #expect(try Parted.message(Array(body.utf8)).refusal == 400, "\(broken)")
        }
    }

    @Test func `parts within parts, to a depth of three`() throws {
        func nested(_ depth: Int) -> String {
            let inner = depth == 1 ? Self.sdp : nested(depth - 1)
            let body = Parted.body([Self.location, inner], boundary: "in\(depth)x")
            return Parted.part("multipart/alternative;boundary=in\(depth)x", body)
        }
        for (depth, status) in [(1, nil), (2, nil), (3, 415), (40, 415)] as [(Int, Int?)] {
            let message = try Parted.message(Parted.body([nested(depth)]))
            #expect(message.refusal == status)
            if status == nil { #expect(try message.description() == "v=0\r\ns=-\r\nt=0 0\r\n") }
        }
    }

    @Test(arguments: [(31, nil), (32, 415), (5_000, 415)] as [(Int, Int?)])
    func `security 17: no more than 32 parts`(others: Int, status: Int?) throws {
        let parts = Array(repeating: "\n", count: others) + [Self.sdp]
        #expect(try Parted.message(Parted.body(parts)).refusal == status)
    }

    @Test(.enabled(if: Corpus.isPresent)) func `the torture test's parts (RFC 4475 §3.1.1.11)`() throws {
        let message = try MessageParser.parse(datagram: Corpus.bytes("ietf-rfc4475/mpart01.dat"))
        let field = try #require(message.header(.contentType))
        let type = try #require(MediaType(field.value, in: message.bytes))
        let parts = try MultipartReader(message.body, as: type, in: message.bytes).parts
        #expect(parts.count == 2)
        #expect(message.string(parts[0].content) == "Hello")
        #expect(parts[1].type?.is("application", "octet-stream", in: message.bytes) == true)
        #expect(message.bytes[parts[1].content].starts(with: [0x30, 0x82, 0x01, 0x52]))
        #expect(try message.sessionBody() == nil)
    }

    @Test func `security 30: no boundary makes it look at octets again and again`() throws {
        let boundary = String(repeating: "-", count: 69) + "x"
        let body = Array("--\(boundary)\r\n\r\n".utf8) + Array(repeating: UInt8(ascii: "-"), count: 60_000)
        let message = try Parted.message(body, type: "multipart/mixed;boundary=\(boundary)")
        #expect(message.refusal == 400)
    }
}
