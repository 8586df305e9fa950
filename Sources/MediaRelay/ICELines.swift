import NetworkTypes

// Our side of ICE as SDP has it (RFC 8839): a lite agent, one host candidate for each component, which is the default
// one as well.

extension BodyRewriter {
    /// What is said once for all streams (RFC 8839 §5.3, RFC 8445 §10).
    var iceOfSession: [UInt8] {
        let hasAgent = lines.contains { line in
            guard case .agent? = line.face.ice else { return false }
            return line.port != 0
        }
        return hasAgent ? Array("a=ice-lite\r\na=ice-options:ice2\r\n".utf8) : []
    }

    func ice(_ line: LegLine) -> [UInt8] {
        guard line.port != 0, let ice = line.face.ice else { return [] }
        guard case .agent(let own) = ice else { return Array("a=ice-mismatch\r\n".utf8) }
        var text = Array("a=ice-ufrag:".utf8) + own.fragment + Array("\r\na=ice-pwd:".utf8) + own.password
        text.append(contentsOf: "\r\n".utf8)
        appendCandidate(1, line.port, to: &text)
        let (next, overflow) = line.port.addingReportingOverflow(1)
        if !overflow, line.face.hasControlCandidate { appendCandidate(2, next, to: &text) }
        return text
    }

    /// A host candidate of the priority that the only one has (RFC 8445 §5.1.2.1).
    private func appendCandidate(_ component: UInt32, _ port: UInt16, to text: inout [UInt8]) {
        text.append(contentsOf: "a=candidate:1 ".utf8)
        text.appendDecimal(component)
        text.append(contentsOf: " UDP ".utf8)
        text.appendDecimal(126 << 24 | 65_535 << 8 | (256 - component) as UInt32)
        text.append(UInt8(ascii: " "))
        address.write(into: &text)
        text.append(UInt8(ascii: " "))
        text.appendDecimal(port)
        text.append(contentsOf: " typ host\r\n".utf8)
    }
}
