import SIP
import Testing

/// RFC 3261 §20.16, §8.1.1.5.
@Suite struct CSeqTests {
    @Test(
        arguments: [
            ("1 INVITE", 1), ("0 INVITE", 0), ("0009 INVITE", 9), ("2147483647 INVITE", 2_147_483_647),
            ("7\tINVITE", 7),
            ("7  INVITE", 7), ("0009\n INVITE", 9), ("00000000000000000000000000000000000000000000001 INVITE", 1),
        ] as [(String, UInt32)])
    func `a number below 2**31 and a method`(text: String, number: UInt32) throws {
        let message = try message(text)
        #expect(message.defect == nil)
        #expect(message.cSeq.number == number)
    }

    @Test(arguments: [
        "", "1", "INVITE", "INVITE 1", "1INVITE", "-1 INVITE", "+1 INVITE", "1.0 INVITE", "0x1 INVITE",
        "2147483648 INVITE",
        "4294967296 INVITE", "18446744073709551617 INVITE", "1 INVITE x", "1 2 INVITE", "1 INVITE,", "1 \"INVITE\"",
        "1 invite",
        "1 ACK",
    ])
    func `anything else is refused`(text: String) throws {
        #expect(try message(text).defect?.status == 400)
    }

    private func message(_ text: String) throws -> Message {
        try MessageParser.parse(datagram: wire(Texts.invite.replacing("314159 INVITE", with: text)))
    }
}
