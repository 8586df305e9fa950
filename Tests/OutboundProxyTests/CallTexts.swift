import NetworkTypes
import SIP

/// The messages of a call as a PBX and an ITSP put them on the wire (findings: what Asterisk sends).
enum CallTexts {
    static let sdpInside = sdp("192.168.0.2", 12000)
    static let sdpOutside = sdp("203.0.113.11", 20000)

    static func sdp(_ address: String, _ port: Int) -> String {
        """
        v=0
        o=- 1 1 IN IP4 \(address)
        s=Asterisk
        c=IN IP4 \(address)
        t=0 0
        m=audio \(port) RTP/AVP 0 101
        a=rtpmap:0 PCMU/8000
        a=sendrecv

        """
    }

    /// An INVITE of the PBX through its outbound proxy.
    static func outboundINVITE(
        branch: String = "z9hG4bKpbx1", callID: String = "call-1", cSeq: Int = 1, body: String? = sdpInside,
        extra: String = "", uri: String = "sip:tone@203.0.113.10", toTag: String = "",
        route: String = "Route: <sip:192.168.0.1;lr>\n"
    ) -> String {
        request(
            "INVITE \(uri) SIP/2.0",
            """
            Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=\(branch)
            From: "1000" <sip:1000@192.168.0.2>;tag=pbx
            To: <sip:tone@203.0.113.10>\(toTag)
            Contact: <sip:asterisk@192.168.0.2:5060>
            Call-ID: \(callID)
            CSeq: \(cSeq) INVITE
            \(route)Max-Forwards: 70
            \(extra)
            """, body)
    }

    /// An INVITE of the ITSP.
    static func inboundINVITE(
        uri: String, branch: String = "z9hG4bKitsp1", callID: String = "call-2", body: String? = sdpOutside,
        extra: String = "", toTag: String = ""
    ) -> String {
        request(
            "INVITE \(uri) SIP/2.0",
            """
            Via: SIP/2.0/UDP 203.0.113.10:5060;branch=\(branch)
            Record-Route: <sip:203.0.113.10;lr>
            From: <sip:5551234@203.0.113.11>;tag=itsp
            To: <sip:1000@203.0.113.10>\(toTag)
            Contact: <sip:5551234@203.0.113.11:5060>
            Call-ID: \(callID)
            CSeq: 1 INVITE
            Max-Forwards: 69
            \(extra)
            """, body)
    }

    static func register(
        contact: String = "<sip:s@192.168.0.2:5060;line=vtqvcuo>", expires: Int = 3600, branch: String = "z9hG4bKreg1",
        user: String = "1000", registrar: String = "203.0.113.10", callID: String = "reg-1", cSeq: Int = 1
    ) -> String {
        request(
            "REGISTER sip:\(registrar) SIP/2.0",
            """
            Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=\(branch)
            Route: <sip:192.168.0.1;lr>
            From: <sip:\(user)@\(registrar)>;tag=r1
            To: <sip:\(user)@\(registrar)>
            Call-ID: \(callID)
            CSeq: \(cSeq) REGISTER
            Contact: \(contact)
            Expires: \(expires)
            Max-Forwards: 70

            """, nil)
    }

    static func request(_ start: String, _ headers: String, _ body: String?) -> String {
        let lines = headers.split(separator: "\n").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
        let octets = body.map { wire($0).count } ?? 0
        let type = body == nil ? "" : "Content-Type: application/sdp\n"
        return start + "\n" + lines.joined(separator: "\n") + "\n" + type + "Content-Length: \(octets)\n\n"
            + (body ?? "")
    }

    /// A response to a request that left the proxy, as a UA makes it: Via, Record-Route, From, To, Call-ID, CSeq.
    static func response(
        _ status: Int, _ reason: String, to request: Sent, tag: String? = nil, contact: String? = nil,
        body: String? = nil,
        extra: String = "", recordRoute: String? = nil
    ) -> String {
        guard let message = request.message else { return "" }
        // The Record-Route of a proxy behind us stands above ours.
        var lines: [String] = recordRoute.map { ["Record-Route: " + $0] } ?? []
        for field in message.headers {
            var value = message.bytes.text(field.value)
            switch field.name {
            case .via: lines.append("Via: " + value)
            case .recordRoute where status > 100: lines.append("Record-Route: " + value)
            case .from: lines.append("From: " + value)
            case .to:
                if let tag, message.toTag == nil { value += ";tag=" + tag }
                lines.append("To: " + value)
            case .callID: lines.append("Call-ID: " + value)
            case .cSeq: lines.append("CSeq: " + value)
            default: break
            }
        }
        if let contact { lines.append("Contact: " + contact) }
        if !extra.isEmpty { lines.append(extra) }
        return self.request("SIP/2.0 \(status) \(reason)", lines.joined(separator: "\n"), body)
    }

    /// An in-dialog request of the UA that sent `first` or answered it: its own Contact and route set (RFC 3261 §12.2.1).
    static func inDialog(
        _ method: String, uri: String, routes: [String], from: String, to: String, callID: String, cSeq: Int,
        branch: String, via: String, body: String? = nil, extra: String = ""
    ) -> String {
        let route = routes.map { "Route: \($0)" }.joined(separator: "\n")
        return request(
            "\(method) \(uri) SIP/2.0",
            """
            Via: SIP/2.0/UDP \(via);rport;branch=\(branch)
            \(route)
            From: \(from)
            To: \(to)
            Call-ID: \(callID)
            CSeq: \(cSeq) \(method)
            Max-Forwards: 70
            \(extra)
            """, body)
    }
}
