import NetworkTypes

/// A REGISTER of the caller at the answerer through the proxy, as a PBX registers at its ITSP.
enum Registration {
    /// Whether the 200 brings our own Contact back (RFC 3261 §10.2.4); the loop is used until it is known.
    static func run(on loop: LoadLoop) -> Bool {
        let caller = loop.caller
        let (message, branch) = request(from: caller)
        var transmission = Retransmission(of: message, to: caller.settings.firstHop, at: .now)
        caller.send(message, to: caller.settings.firstHop)
        var success: Bool?
        caller.onOtherMessage = { message in
            guard case .response(let status) = message.start, status >= 200,
                message.parameter("branch", of: message.values(.via).first) == branch
            else { return }
            let contacts = message.values(.contact).map { message.slice(message.uri(of: $0)) }
            success = status < 300 && contacts == [caller.contactURI]
        }
        while success == nil {
            loop.turn(until: transmission.nextDeadline)
            switch transmission.due(at: .now) {
            case .nothing: break
            case .send: caller.sendAgain(transmission)
            case .timeout: success = false
            }
        }
        caller.onOtherMessage = nil
        return success == true
    }

    private static func request(from caller: UserAgentCaller) -> (message: [UInt8], branch: [UInt8]) {
        let branch = caller.newBranch()
        let registrar = Array("sip:\(caller.settings.answerer)".utf8)
        let account = Array("<sip:caller@\(caller.settings.answerer)>".utf8)
        var builder = MessageBuilder(.register, uri: registrar)
        builder.field("Via", caller.via(branch: branch))
        if let proxy = caller.settings.proxy { builder.field("Route", Array("<sip:\(proxy.inside);lr>".utf8)) }
        builder.field("Max-Forwards", "70")
        builder.field("From", account, Array(";tag=".utf8), caller.runID)
        builder.field("To", account)
        builder.field("Call-ID", Array("register.".utf8), caller.runID)
        builder.cseq(1, .register)
        builder.field("Contact", caller.contact)
        builder.field("Expires", "3600")
        return (builder.finish(), branch)
    }
}
