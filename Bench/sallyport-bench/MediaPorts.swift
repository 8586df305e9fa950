import NetworkTypes

/// Even ports for RTP, taken in turn from a range, so that a port is not used again right after its call.
struct MediaPorts {
    /// The sockets of one end of a call.
    struct Pair {
        let rtp: UDPSocket
        /// At the next port above.
        let rtcp: UDPSocket?
    }

    let range: ClosedRange<UInt16>
    private var next: UInt16

    init(_ range: ClosedRange<UInt16>) {
        self.range = range
        next = range.lowerBound + range.lowerBound % 2
    }

    /// The next even port, whether or not it is free.
    mutating func take() -> UInt16 {
        let port = next
        let (following, overflow) = next.addingReportingOverflow(2)
        next = overflow || following > range.upperBound ? range.lowerBound + range.lowerBound % 2 : following
        return port
    }

    /// Binds to the next port that is free on `ip`, and to the one above it for RTCP.
    mutating func bind(on ip: IPAddress, withRTCP: Bool) throws(SystemError) -> Pair {
        var failure: SystemError?
        for _ in 0..<max(1, range.count / 2) {
            let port = take()
            do {
                let rtp = try UDPSocket(ip: ip, port: port, receiveBuffer: 1 << 18)
                return Pair(rtp: rtp, rtcp: withRTCP ? try UDPSocket(ip: ip, port: port + 1) : nil)
            } catch {
                failure = error
            }
            if let failure, !failure.isAddressInUse { throw failure }
        }
        throw failure ?? SystemError(code: 0, doing: "bind a media socket")
    }
}
