@testable import SIP

/// Messages whose body is multipart, written part by part.
enum Parted {
    static let sdp = "v=0\ns=-\nt=0 0\n"
    static let location = "<presence><gp>42.5463 -73.2512</gp></presence>\n"

    /// One part: its type, its octets, and more fields.
    static func part(_ type: String, _ content: String, _ fields: String = "") -> String {
        "Content-Type: \(type)\n\(fields)\n\(content)"
    }

    /// Parts between delimiters, the closing one included.
    static func body(_ parts: [String], boundary: String = "cut") -> String {
        parts.map { "--\(boundary)\n\($0)\n" }.joined() + "--\(boundary)--\n"
    }

    static func message(_ body: [UInt8], type: String = "multipart/mixed;boundary=cut", extra: String = "") throws
        -> Message
    {
        let head = """
            INVITE sip:bob@biloxi.example.com SIP/2.0
            Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bK776asdhds
            Max-Forwards: 70
            To: <sip:bob@biloxi.example.com>
            From: <sip:alice@atlanta.example.com>;tag=1928301774
            Call-ID: parted
            CSeq: 1 INVITE
            \(extra)Content-Type: \(type)
            Content-Length: \(body.count)


            """
        return try MessageParser.parse(datagram: wire(head) + body)
    }

    static func message(_ body: String, type: String = "multipart/mixed;boundary=cut", extra: String = "") throws
        -> Message
    {
        try message(wire(body), type: type, extra: extra)
    }
}

extension Message {
    /// The session description, as text.
    func description() throws -> String? { try sessionBody()?.description.map { string($0) ?? "" } }

    /// How it would be refused.
    var refusal: Int? {
        do throws(Message.Defect) {
            _ = try sessionBody()
            return nil
        } catch { return error.status }
    }
}
