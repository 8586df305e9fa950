import NetworkTypes
import Testing

@Suite("Decimal numbers")
struct DecimalTests {
    @Test("are appended as Swift writes them", arguments: [0, 1, 9, 10, 99, 100, 5060, 65535, UInt64.max])
    func append(value: UInt64) {
        var bytes = Array("x".utf8)
        bytes.appendDecimal(value)
        #expect(String(decoding: bytes, as: UTF8.self) == "x\(value)")
    }

    @Test("keep their sign")
    func negative() {
        var bytes: [UInt8] = []
        bytes.appendDecimal(-12)
        bytes.appendDecimal(Int.min)
        #expect(bytes == Array("-12\(Int.min)".utf8))
    }

    @Test(
        "are appended in hexadecimal as Swift writes them", arguments: [0, 1, 15, 16, 255, 256, 0xabcdef, UInt64.max])
    func hexadecimal(value: UInt64) {
        var bytes: [UInt8] = []
        bytes.appendHexadecimal(value)
        #expect(String(decoding: bytes, as: UTF8.self) == String(value, radix: 16))
    }
}
