import SDP
import Testing

@Suite("security 17: session descriptions are limited")
struct SDPLimitsTests {
    private func body(_ line: String, times count: Int) -> [UInt8] {
        Array(("v=0\r\n" + String(repeating: line, count: count)).utf8)
    }

    @Test("to 64 kB")
    func length() throws {
        let longest = body("a=x\n", times: (65_536 - 5) / 4) + [10, 10, 10]
        #expect(longest.count == 65_536)
        #expect(try SessionDescription(longest).fields.isEmpty)
        #expect(throws: SDPError.tooLong) { try SessionDescription(longest + [10]) }
        #expect(try SessionDescription(longest + longest, body: 0..<65_536).media.isEmpty)
    }

    @Test("to 32 media descriptions")
    func media() throws {
        #expect(try SessionDescription(body("m=audio 1 RTP/AVP 0\r\n", times: 32)).media.count == 32)
        #expect(throws: SDPError.tooManyMedia) { try SessionDescription(body("m=audio 1 RTP/AVP 0\r\n", times: 33)) }
    }

    @Test("to 1,024 lines that matter")
    func fields() throws {
        #expect(try SessionDescription(body("a=setup\n", times: 1_024)).fields.count == 1_024)
        #expect(throws: SDPError.tooManyFields) { try SessionDescription(body("a=setup\n", times: 1_025)) }
        #expect(MemoryLayout<SessionDescription.Field>.stride * 1_024 <= 8 * 65_536)
    }
}
