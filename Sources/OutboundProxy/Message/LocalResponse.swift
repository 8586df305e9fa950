import NetworkTypes
import SIP

/// Builds responses of our own (RFC 3261 §8.2.6), and the reply's destination (§18.2.2, RFC 3581 §4).
enum LocalResponse {
    /// A response to `request` with its Vias, From, To, Call-ID and CSeq; `tag` is added to a To without one, and
    /// `callID` is the one that the sender knows, where that is another. A 100 that is sent `delay` after its request
    /// says so in Timestamp.
    static func build(
        _ status: Int, _ reason: String, to request: Message, from source: SocketAddress, tag: UInt64?,
        callID: [UInt8]? = nil, extra: [UInt8] = [], delay: Duration = .zero
    ) -> [UInt8] {
        let bytes = request.bytes
        var out: [UInt8] = []
        out.reserveCapacity(640)
        out.append(contentsOf: "SIP/2.0 ".utf8)
        out.appendDecimal(status)
        out.append(UInt8(ascii: " "))
        out.append(contentsOf: reason.utf8)
        out.append(contentsOf: "\r\n".utf8)
        var isTop = true
        for field in request.headers where field.name == .via {
            append(field, of: request, to: &out, source: isTop ? source : nil)
            isTop = false
        }
        // Of a field that stands there twice, the first: the answer to a malformed request is well-formed.
        for name in [HeaderName.from, .to, .callID, .cSeq] {
            guard let field = request.header(name) else { continue }
            if name == .callID, let callID {
                append("Call-ID: ", 0..<callID.count, of: callID, to: &out)
                continue
            }
            append("\(name.text): ", field.value, of: bytes, to: &out, lineEnd: false)
            if name == .to, let tag, request.toTag == nil {
                out.append(contentsOf: ";tag=".utf8)
                out.appendHexadecimal(tag)
            }
            out.append(contentsOf: "\r\n".utf8)
        }
        if status == 100, let field = request.header(.timestamp) {
            append("Timestamp: ", field.value, of: bytes, to: &out, lineEnd: false)
            appendDelay(delay, to: &out)
            out.append(contentsOf: "\r\n".utf8)
        }
        if status == 415 { out.append(contentsOf: acceptable.utf8) }
        out.append(contentsOf: extra)
        out.append(contentsOf: "Content-Length: 0\r\n\r\n".utf8)
        return out
    }

    /// What a body may be of that we read (§8.2.3).
    private static let acceptable = "Accept: application/sdp, multipart/mixed\r\nAccept-Encoding: identity\r\n"

    /// The seconds that the answer took (§8.2.6.1), in milliseconds' steps.
    private static func appendDelay(_ delay: Duration, to out: inout [UInt8]) {
        let milliseconds = max(0, delay.nanoseconds / 1_000_000)
        guard milliseconds > 0 else { return }
        out.append(UInt8(ascii: " "))
        out.appendDecimal(UInt64(milliseconds / 1000))
        out.append(UInt8(ascii: "."))
        for digit in [milliseconds / 100 % 10, milliseconds / 10 % 10, milliseconds % 10] {
            out.appendDecimal(Int(digit))
        }
    }

    private static func append(
        _ name: String, _ value: Range<Int>, of bytes: [UInt8], to out: inout [UInt8], lineEnd: Bool = true
    ) {
        out.append(contentsOf: name.utf8)
        out.append(contentsOf: bytes[value])
        if lineEnd { out.append(contentsOf: "\r\n".utf8) }
    }

    /// A Via field; the top value gets `received` and `rport`.
    private static func append(
        _ field: HeaderField, of request: Message, to out: inout [UInt8], source: SocketAddress?
    ) {
        let bytes = request.bytes
        out.append(contentsOf: "Via: ".utf8)
        guard let source else {
            out.append(contentsOf: bytes[field.value])
            out.append(contentsOf: "\r\n".utf8)
            return
        }
        var edits = MessageEdits()
        ViaSource.record(source, in: request, edits: &edits)
        let top = request.topVia.range
        var value = edits.applied(to: bytes, in: field.value.lowerBound..<top.upperBound)
        value.append(contentsOf: bytes[top.upperBound..<field.value.upperBound])
        out.append(contentsOf: value)
        out.append(contentsOf: "\r\n".utf8)
    }
}

/// Where a request really came from, written into its top Via (RFC 3261 §18.2.1, RFC 3581 §4).
enum ViaSource {
    static func record(_ source: SocketAddress, in request: Message, edits: inout MessageEdits) {
        let via = request.topVia
        let bytes = request.bytes
        let rport = via.parameters.first("rport", in: bytes)
        let received = via.parameters.first("received", in: bytes)
        if let received { edits.remove(received.whole) }
        if let rport {
            edits.replace(rport.whole) {
                $0.append(contentsOf: ";rport=".utf8)
                $0.appendDecimal(source.port)
            }
        }
        guard rport != nil || via.address(in: bytes) != source.ip else { return }
        edits.insert(at: via.range.upperBound) {
            $0.append(contentsOf: ";received=".utf8)
            source.ip.write(into: &$0)
        }
    }

    /// Where the response to `request` goes; on a stream, where it goes when its connection has gone (§18.2.2).
    static func replyAddress(
        of request: Message, from source: SocketAddress, over transport: TransportProtocol
    ) -> SocketAddress {
        if transport == .udp, request.topVia.parameters.first("rport", in: request.bytes) != nil { return source }
        return SocketAddress(source.ip, request.topVia.port ?? transport.defaultPort)
    }
}
