import NetworkTypes

/// A REGISTER of the generator's PBX at its ITSP through the proxy.
enum Registration {
    /// Whether the 200 brings our own Contact back (RFC 3261 §10.2.4); the loop is used until it is known.
    static func run(on loop: LoadLoop) -> Bool {
        let pbx = loop.insideAgent
        let (message, branch) = request(from: pbx)
        let destination = pbx.settings.proxy?.inside ?? pbx.settings.outside
        var transmission = Retransmission(of: message, to: destination, at: .now)
        pbx.send(message, to: destination)
        var success: Bool?
        pbx.onOtherMessage = { message in
            guard case .response(let status) = message.start, status >= 200,
                message.parameter("branch", of: message.values(.via).first) == branch
            else { return }
            let contacts = message.values(.contact).map { message.slice(message.uri(of: $0)) }
            success = status < 300 && contacts == [pbx.contactURI]
        }
        while success == nil {
            loop.turn(until: transmission.nextDeadline)
            switch transmission.due(at: .now) {
            case .nothing: break
            case .send: pbx.sendAgain(transmission)
            case .timeout: success = false
            }
        }
        pbx.onOtherMessage = nil
        return success == true
    }

    private static func request(from pbx: UserAgent) -> (message: [UInt8], branch: [UInt8]) {
        let branch = pbx.newBranch()
        let registrar = Array("sip:\(pbx.settings.outside)".utf8)
        let account = Array("<sip:pbx@\(pbx.settings.outside)>".utf8)
        var builder = MessageBuilder(.register, uri: registrar)
        builder.field("Via", pbx.via(branch: branch))
        if let route = pbx.outboundProxy { builder.field("Route", route) }
        builder.field("Max-Forwards", "70")
        builder.field("From", account, Array(";tag=".utf8), pbx.runID)
        builder.field("To", account)
        builder.field("Call-ID", Array("register.".utf8), pbx.runID)
        builder.cseq(1, .register)
        builder.field("Contact", pbx.contact)
        builder.field("Expires", "3600")
        return (builder.finish(), branch)
    }
}
