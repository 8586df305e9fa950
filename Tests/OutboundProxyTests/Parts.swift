import SIP
import Testing

@testable import OutboundProxy

/// Bodies with a session description among other parts: ISUP before it, with octets that look like delimiters, and a
/// place behind it.
enum Parts {
    static let type = "multipart/mixed;boundary=\"unique-boundary-1\""

    /// ISUP is octets of all kinds (RFC 3204 §4.1).
    static let isup: [UInt8] =
        Array(
            "Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=required\r\n\r\n"
                .utf8)
        + [1, 0x11, 0, 10, 3, 13, 10, 45, 45, 13, 10] + Array("--unique-boundary\r\n-".utf8) + (0...255)

    static let location = wire(
        """
        Content-Type: application/pidf+xml
        Content-ID: <target123@atlanta.example.com>

        <presence><location-info><gml:pos>32.86726 -97.16054</gml:pos></location-info></presence>

        """)

    static func sdp(_ text: String) -> [UInt8] { wire("Content-Type: application/sdp\n\n" + text) }

    /// A session description that may be left out.
    static let sdpOfElse =
        wire("Content-Disposition: early-session;handling=optional\n") + sdp("v=0\nc=IN IP4 192.168.0.2\n")

    /// The parts as a body.
    static func body(_ parts: [[UInt8]]) -> [UInt8] {
        parts.flatMap { wire("--unique-boundary-1\n") + $0 + wire("\n") } + wire("--unique-boundary-1--\n")
    }

    /// ISUP, the session description and the place.
    static func body(around sdp: String) -> [UInt8] { body([isup, Self.sdp(sdp), location]) }

    static var bodyWithoutSDP: [UInt8] { body([isup, location]) }

    /// The message with that body in place of its own.
    static func message(_ text: String, body: [UInt8], type: String = type) -> [UInt8] {
        let head = text.prefix(upTo: text.firstRange(of: "\n\n")?.lowerBound ?? text.endIndex)
        let lines = head.split(separator: "\n").filter { !$0.hasPrefix("Content-") }
        return wire(lines.joined(separator: "\n") + "\nContent-Type: \(type)\nContent-Length: \(body.count)\n\n") + body
    }

    /// The message with its session description among the others.
    static func around(_ text: String) -> [UInt8] {
        let start = text.firstRange(of: "\n\n")?.upperBound ?? text.endIndex
        return message(text, body: body(around: String(text[start...])))
    }
}

extension Sent {
    /// The body's octets; Content-Length counts just them.
    var octets: [UInt8] {
        guard let message else { return [] }
        #expect(message.text(.contentLength) == "\(message.body.count)" && message.body.upperBound == bytes.count)
        return Array(message.bytes[message.body])
    }

    /// Whether it has the other parts as they came, and a session description that names this address.
    func isParted(_ address: String, _ sdp: String) -> Bool {
        header(.contentType) == Parts.type && octets == Parts.body(around: sdp.named(address))
    }
}

extension String {
    /// The description as it is once its media goes there.
    fileprivate func named(_ address: String) -> String {
        split(separator: "\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix("c=") { return "c=IN IP4 \(address)" }
            if line.hasPrefix("o=") {
                return line.split(separator: " ").dropLast().joined(separator: " ") + " \(address)"
            }
            if line.hasPrefix("m=") {
                return "m=audio 30000 " + line.split(separator: " ").dropFirst(2).joined(separator: " ")
            }
            return String(line)
        }.joined(separator: "\n")
    }
}
