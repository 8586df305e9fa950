import NetworkTypes

/// One end of a call's audio: what it offers and answers (RFC 3264), and where the other end says it is.
struct MediaEnd {
    let host: String
    var port: Int
    private var version = 1
    /// A second stream is offered, which nobody here takes.
    var offersVideo = false
    /// What this end wants: `sendrecv`, or `sendonly` on hold.
    var wish = "sendrecv"
    private(set) var direction = "sendrecv"
    private(set) var remote: SocketAddress?

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    private var family: String { host.contains(":") ? "IP6" : "IP4" }

    private func text(_ direction: String, streams: Int) -> String {
        var lines = [
            "v=0", "o=- \(port) \(version) IN \(family) \(host)", "s=-", "c=IN \(family) \(host)", "t=0 0",
            "m=audio \(port) RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "a=\(direction)",
        ]
        for index in 1..<max(streams, 1) {
            lines.append("m=video \(offersVideo && streams == 2 ? port + 4 + index : 0) RTP/AVP 99")
        }
        return lines.joined(separator: "\r\n") + "\r\n"
    }

    mutating func offer() -> String {
        version += 1
        return text(wish, streams: offersVideo ? 2 : 1)
    }

    /// Reads an offer and answers it.
    mutating func answer(_ offer: String) -> String {
        let theirs = read(offer)
        version += 1
        direction = Self.answer(theirs, wish)
        let video = offersVideo
        offersVideo = false
        defer { offersVideo = video }
        return text(direction, streams: offer.split(separator: "\r\n").count { $0.hasPrefix("m=") })
    }

    mutating func take(answer: String) {
        let theirs = read(answer)
        direction = Self.answer(theirs, wish)
    }

    /// Whether packets flow from here to there.
    var sends: Bool { remote != nil && (direction == "sendrecv" || direction == "sendonly") }

    private mutating func read(_ body: String) -> String {
        var (ip, port, direction) = (nil as IPAddress?, nil as UInt16?, "sendrecv")
        var isAudio = true
        for line in body.split(separator: "\r\n") {
            if line.hasPrefix("m=") {
                isAudio = line.hasPrefix("m=audio")
                if isAudio { port = UInt16(line.split(separator: " ")[1]) }
            } else if line.hasPrefix("c=IN \(family) "), isAudio {
                ip = IPAddress(String(line.dropFirst(9)))
            } else if isAudio, ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"].contains(line) {
                direction = String(line.dropFirst(2))
            }
        }
        if let ip, let port, port > 0 { remote = SocketAddress(ip, port) } else { remote = nil }
        return direction
    }

    /// RFC 3264 §6.1, for one who has no wish to receive less than it may.
    private static func answer(_ theirs: String, _ own: String) -> String {
        switch theirs {
        case "sendonly": own == "sendonly" ? "inactive" : "recvonly"
        case "recvonly": "sendonly"
        case "inactive": "inactive"
        default: own
        }
    }
}
