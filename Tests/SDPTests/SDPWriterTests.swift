import NetworkTypes
import SDP
import Testing

@Suite("Changed bodies are written in one pass")
struct SDPWriterTests {
    private let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\nb=\r\nm=audio 4000/1 RTP/AVP 0\r\na=rtcp:1\r\nodd"

    @Test("and are the same without changes")
    func unchanged() throws {
        let description = try SessionDescription(Array(text.utf8))
        #expect(SDPWriter(description).finish() == Array(text.utf8))
    }

    @Test("with addresses, ports and lines replaced, and nothing else")
    func changed() throws {
        let description = try SessionDescription(
            Array("head".utf8) + Array(text.utf8) + Array("tail".utf8), body: 4..<4 + text.utf8.count)
        var writer = SDPWriter(description)
        for field in description.fields {
            switch field {
            case .origin(let range): writer.replace(range, with: IPAddress(v6High: 0x2001_0db8_0000_0000, low: 1))
            case .connection: Issue.record("there is none")
            case .media(let index): writer.replace(description.media[index].portRange, with: 65_535)
            case .attribute(let attribute): writer.remove(attribute.line)
            }
        }
        let expected = "v=0\r\no=- 1 1 IN IP6 2001:db8::1\nb=\r\nm=audio 65535 RTP/AVP 0\r\nodd"
        #expect(String(decoding: writer.finish(), as: UTF8.self) == expected)
    }
}
