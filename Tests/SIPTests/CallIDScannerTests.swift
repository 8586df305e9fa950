import Testing

@testable import SIP

/// What names a message's shard must be what the parser takes for its Call-ID: else a request and its response, which
/// is written by somebody else, meet different shards.
@Suite struct CallIDScannerTests {
    private static let rest =
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b.c>;tag=1\r\nTo: <sip:a@b.c>\r\n"
        + "CSeq: 1 OPTIONS\r\n"

    @Test(
        arguments: [
            "OPTIONS sip:a@b.c SIP/2.0\r\nCall-ID: 1@x\r\n\(rest)\r\n",
            "OPTIONS sip:a@b.c SIP/2.0\r\n\(rest)i :1@x \r\n\r\n",
            "OPTIONS sip:a@b.c SIP/2.0\nCALL-ID:1@x\n\(rest)\n",
            "\r\n\r\nOPTIONS sip:a@b.c SIP/2.0\r\nCall-ID: 1@x\r\n\(rest)\r\n",
            "OPTIONS sip:a@b.c SIP/2.0\r\nCall-ID:\r\n  1@x\r\n\(rest)\r\n",
            "OPTIONS sip:a@b.c SIP/2.0\r\nSubject: x\r\n i: no\r\nCall-ID: \r\n\t1@x\r\n \r\n\(rest)\r\n",
        ])
    func `names what the parser reads`(text: String) throws {
        let bytes = Array(text.utf8)
        let message = try MessageParser.parse(datagram: bytes)
        #expect(message.defect == nil && bytes[message.callID].elementsEqual("1@x".utf8))
        #expect(CallIDScanner.callID(in: bytes) == message.callID)
    }

    @Test(arguments: ["", "\r\n\r\n", "OPTIONS sip:a@b.c SIP/2.0\r\n\(rest)\r\nCall-ID: 1@x", "\n\n\n \n", "i", "c:"])
    func `finds none where there is none`(text: String) {
        #expect(CallIDScanner.callID(in: Array(text.utf8)) == nil)
    }
}
