import NetworkTypes

/// The one SDP that the generator offers and answers: PCMU audio at an address, plain or by SRTP.
enum SessionDescription {
    /// Describes audio received at `address`.
    static func text(audioAt address: SocketAddress, packetTime: Int, security: SecureAudio? = nil) -> [UInt8] {
        let ip = address.ip.description
        let profile = security == nil ? "RTP/AVP" : "RTP/SAVP"
        return Array(
            """
            v=0\r
            o=bench 1 1 IN IP4 \(ip)\r
            s=-\r
            c=IN IP4 \(ip)\r
            t=0 0\r
            m=audio \(address.port) \(profile) 0\r
            \(security?.line ?? "")a=rtpmap:0 PCMU/8000\r
            a=ptime:\(packetTime)\r
            a=sendrecv\r

            """.utf8)
    }

    /// The address of the audio in an SDP; nil when there is none, or it is refused by port 0.
    static func audioAddress(in sdp: some Sequence<UInt8>) -> SocketAddress? {
        var session: IPAddress?
        var media: IPAddress?
        var port: UInt16?
        for line in Array(sdp).split(whereSeparator: { $0 == 13 || $0 == 10 }) {
            if line.starts(with: "c=IN IP4 ".utf8) {
                let ip = IPAddress(text: line.dropFirst(9).prefix { $0 != UInt8(ascii: "/") })
                if port == nil { session = ip } else { media = ip }
            } else if line.starts(with: "m=".utf8) {
                if port != nil { break }
                let words = line.split(separator: UInt8(ascii: " "))
                guard words.count > 3, words[0].elementsEqual("m=audio".utf8) else { continue }
                port = UInt16(String(decoding: words[1], as: UTF8.self))
            }
        }
        guard let port, port > 0, let ip = media ?? session else { return nil }
        return SocketAddress(ip, port)
    }
}
